"""Checks that look at processes and files, against a small system whose process is a stand-in."""

import os
from pathlib import Path

import pytest

from seatrial.checks import CheckContext, performance, registered
from seatrial.target.http import HttpTarget
from seatrial.verdict.scoring import Gap
from seatrial.verdict.verdicts import Verdict

KEY = "valid"


class Controlled(HttpTarget):
    """The small system as one that can be killed and looked into: killing it forgets what it has not kept."""

    def __init__(self, url, system, **more):
        super().__init__(url, key=KEY, symbols=["AAPL"])
        self.system = system
        self.killed = 0
        self.data_files = more.get("data_files", ())
        self.config_directory = more.get("config_directory")
        self.on_kill = more.get("on_kill", lambda system: None)
        self.process_id = os.getpid()

    data_files: tuple = ()
    config_directory: Path | None = None
    process_id: int = 0

    async def kill(self):
        self.killed += 1
        self.on_kill(self.system)

    async def restart(self):
        return None

    async def ledger(self, account_id, *, after_sequence=0):
        return self.system.ledgers(account_id)


@pytest.fixture
def ask_controlled(serve, small):
    async def asked(identifier, *, disposable=True, system=None, **more):
        [check] = [known for known in registered() if known.id == identifier]
        system = system or small()
        async with serve(system) as url, Controlled(url, system, **more) as target:
            result = await check.run(CheckContext(target=target, account_name="a-{}".format, disposable=disposable))
        return result, target

    return asked


@pytest.fixture
def config(tmp_path):
    for name in ("default", "development", "staging", "production"):
        (tmp_path / f"{name}.toml").write_text("[service]\nport = 1\n")
    return tmp_path


async def test_configuration_files(ask_controlled, config):
    result, _ = await ask_controlled("configuration.files", config_directory=config)
    assert result.verdict is Verdict.PASS
    (config / "production.toml").unlink()
    result, _ = await ask_controlled("configuration.files", config_directory=config)
    assert (result.verdict, result.score) == (Verdict.FAIL, 0.75)
    assert "production.toml is missing" in result.evidence


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        ("[a]\napi_key = 'x'\n", "a.api_key holds a secret"),
        ("[[a]]\npassword = 'x'\n", "a.0.password holds a secret"),
        ("not toml", "staging.toml:"),
    ],
)
async def test_bad_configuration_fails(ask_controlled, config, text, evidence):
    (config / "staging.toml").write_text(text)
    result, _ = await ask_controlled("configuration.files", config_directory=config)
    assert result.verdict is Verdict.FAIL
    assert evidence in result.evidence


async def test_what_is_not_there_to_look_at_is_not_assessed(ask_controlled):
    for identifier in ("configuration.files", "security.file_permissions"):
        result, _ = await ask_controlled(identifier)
        assert (result.verdict, result.gap) == (Verdict.NOT_ASSESSED, Gap.PLATFORM)


@pytest.mark.parametrize(("mode", "verdict"), [(0o600, "pass"), (0o640, "fail"), (0o604, "fail")])
async def test_file_permissions(ask_controlled, tmp_path, mode, verdict):
    file = tmp_path / "trial.db"
    file.touch()
    file.chmod(mode)
    result, _ = await ask_controlled("security.file_permissions", data_files=(file,))
    assert result.verdict == verdict
    assert f"{mode:04o}" in result.evidence


async def test_memory(ask_controlled, monkeypatch):
    result, _ = await ask_controlled("performance.memory")
    assert result.verdict is Verdict.PASS
    monkeypatch.setattr(performance, "MEMORY_LIMIT_BYTES", 1 << 20)
    result, _ = await ask_controlled("performance.memory")
    assert result.verdict is Verdict.FAIL


def opening_only(system):
    from seatrial.target.records import LedgerEvent

    def ledgers(account_id):
        cash = system.accounts[account_id]["cash"]
        now = system.accounts[account_id]["as_of"]
        return (
            LedgerEvent(sequence=1, id="e1", ts=now, kind="cash", symbol=None, quantity=None, price=None, cash=cash),
        )

    system.ledgers = ledgers
    return system


async def test_orders_that_survive_pass(ask_controlled, small):
    result, target = await ask_controlled(
        "reliability.survives_kill", system=opening_only(small(order_status="working"))
    )
    assert result.verdict is Verdict.PASS, result.evidence
    assert target.killed == 1


@pytest.mark.parametrize(
    ("on_kill", "evidence"),
    [
        (lambda system: [kept.pop() for kept in system.orders.values()], "1 are not there exactly once"),
        (lambda system: [kept.append(kept[0]) for kept in system.orders.values()], "1 are not there exactly once"),
        (lambda system: [account.update(cash=99_000.0) for account in system.accounts.values()], "1000.00 of cash"),
    ],
    ids=["lost", "twice", "cash gone"],
)
async def test_what_a_kill_costs_is_found(ask_controlled, small, on_kill, evidence):
    system = opening_only(small(order_status="working"))
    before = system.ledgers

    def kill(system):
        kept = {account: before(account) for account in system.accounts}
        on_kill(system)
        system.ledgers = kept.__getitem__

    result, _ = await ask_controlled("reliability.survives_kill", system=system, on_kill=kill)
    assert result.verdict is Verdict.FAIL
    assert evidence in result.evidence


async def test_refused_orders_prove_nothing(ask_controlled, small):
    result, target = await ask_controlled("reliability.survives_kill", system=small(order_status="rejected"))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert target.killed == 0


async def test_only_a_disposable_target_is_killed(ask_controlled):
    result, target = await ask_controlled("reliability.survives_kill", disposable=False)
    assert (result.verdict, result.gap) == (Verdict.NOT_ASSESSED, Gap.PRIVILEGE)
    assert "disposable" in result.evidence
    assert target.killed == 0
