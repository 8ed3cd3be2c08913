"""Each check that works over the wire, against a system that behaves and against one that does not."""

import pytest

from seatrial.checks import performance, registered
from seatrial.verdict.verdicts import Verdict

OVER_THE_WIRE = [check.id for check in registered() if "control" not in check.needs]


@pytest.mark.parametrize("identifier", OVER_THE_WIRE)
async def test_a_sound_system_passes(ask, identifier):
    result = await ask(identifier)
    assert result.verdict is Verdict.PASS, result.evidence
    assert result.score == 1.0


@pytest.mark.parametrize(
    ("identifier", "fault", "evidence"),
    [
        ("security.authentication", {"open_door": True}, "GET /v1/about with no key: 200"),
        ("security.authentication", {"refuses_everybody": True}, "with a valid key: status 401"),
        ("data_integrity.validation_rules", {"accepts_everything": True}, "4 of 4 were let in"),
        ("data_integrity.validation_rules", {"rejects_in_words_only": True}, "shown as"),
        ("data_integrity.idempotent_orders", {"forgets_keys": True}, "3 order id(s) answered, 3 order(s) kept"),
        ("data_integrity.idempotent_orders", {"loses_orders": True}, "0 order(s) kept"),
        ("monitoring.metrics", {"counts_nothing": True}, "by 0"),
        ("monitoring.metrics", {"no_counter": True}, "no counter of requests"),
        ("monitoring.health", {"readiness": ()}, "names nothing"),
        ("monitoring.health", {"readiness": (("store", False),)}, "these fail: store"),
        ("reliability.errors_are_errors", {"unknown_symbol": "hold"}, "hold, data fresh"),
        ("reliability.errors_are_errors", {"unknown_symbol": 500}, "status 500"),
        ("reliability.errors_are_errors", {"unknown_symbol": 429}, "status 429"),
        ("scalability.concurrent_operations", {"at_once": 2, "delay": 0.2}, "2 of 10 succeeded"),
        ("performance.response_time", {"silent": True}, "no advice"),
    ],
)
async def test_a_fault_is_a_fail_with_its_evidence(ask, small, identifier, fault, evidence):
    result = await ask(identifier, small(**fault))
    assert result.verdict is Verdict.FAIL
    assert result.score is not None
    assert result.score < 1
    assert evidence in result.evidence


async def test_slow_answers_are_given_up_on_only_when_they_decide(ask, small, monkeypatch):
    monkeypatch.setattr(performance, "RESPONSE_LIMIT_SECONDS", 0.05)
    slow = small(delay=0.06)
    result = await ask("performance.response_time", slow)
    assert result.verdict is Verdict.FAIL
    assert "7 of 7 answers" in result.evidence
    # Slower than the sum of a few limits, and within the limit each: not given up on.
    monkeypatch.setattr(performance, "RESPONSE_LIMIT_SECONDS", 0.5)
    assert (await ask("performance.response_time", small(delay=0.03))).verdict is Verdict.PASS


async def test_an_intruder_leaves_only_what_is_the_trial_s_own(ask, small):
    system = small(open_door=True)
    await ask("security.authentication", system)
    assert {account["name"] for account in system.accounts.values()} == {"seatrial-intruder"}


async def test_real_symbols_of_a_target_to_be_kept_are_not_quoted(ask, small):
    system = small()
    result = await ask("data_integrity.validation_rules", system, disposable=False)
    assert result.verdict is Verdict.PASS
    assert "AAPL" not in system.pushed
    assert "ZSTRIAL" in system.pushed


async def test_what_is_declared_lacking_is_not_applicable(ask):
    result = await ask("reliability.survives_kill")
    assert result.verdict is Verdict.NOT_APPLICABLE
    assert "control" in result.evidence
    assert (await ask("monitoring.health", lacks=("operations",))).verdict is Verdict.NOT_APPLICABLE


async def test_no_server_at_all_is_a_fail(ask, small):
    async def nothing(request):
        request.transport.abort()
        raise ConnectionResetError

    for identifier in OVER_THE_WIRE:
        assert (await ask(identifier, nothing)).verdict is Verdict.FAIL
