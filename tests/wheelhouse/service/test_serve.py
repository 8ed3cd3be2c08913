import asyncio
import signal
import socket
import subprocess

import aiohttp
import pytest

from .conftest import CLOCK, command, environment

ORDER = {"legs": [{"symbol": "ZSA", "quantity": 1}], "type": "market"}
QUOTE = {"quotes": [{"symbol": "ZSA", "ts": "2013-03-01T14:44:00Z", "bid": 10.0, "ask": 10.1}]}


def run(tmp_path, *arguments, **extra):
    """Run a command that is expected to end by itself."""
    return subprocess.run(
        command(*arguments),
        env=environment(tmp_path, **extra),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_what_was_acknowledged_survives_sigkill(launch, client_of):
    first = launch()
    ask = client_of(first)
    await ask("POST", "/v1/market/quotes", QUOTE)
    account = await ask.account(cash=100_000)
    path = f"/v1/accounts/{account}/orders"
    acknowledged = {}

    async def trade(lane):
        for number in range(10_000):
            try:
                key = f"{lane}-{number}"
                acknowledged[key] = (await ask("POST", path, ORDER, Idempotency_Key=key)).body
            except (OSError, aiohttp.ClientError):
                return

    tasks = [asyncio.create_task(trade(lane)) for lane in range(4)]
    await asyncio.sleep(1.0)
    await asyncio.to_thread(first.end, signal.SIGKILL)
    await asyncio.gather(*tasks)
    assert acknowledged
    second = await asyncio.to_thread(launch)
    ask = client_of(second)
    shown = (await ask("GET", f"/v1/accounts/{account}")).json
    events, after = [], 0
    while after is not None:
        part = (await ask("GET", f"/v1/accounts/{account}/ledger?after_sequence={after}")).json
        events += part["events"]
        after = part["next_after_sequence"]
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    bought = sum(event["quantity"] for event in events)
    assert bought == shown["positions"][0]["quantity"]
    assert len(acknowledged) <= bought <= len(acknowledged) + 4
    for key, body in list(acknowledged.items())[-5:]:
        again = await ask("POST", path, ORDER, Idempotency_Key=key)
        assert (again.status, again.body) == (200, body)
    assert (await ask("GET", "/v1/market/ZSA")).json["ask"] == 10.1


async def test_halts_and_keys_survive_a_restart(launch, client_of):
    first = launch()
    ask = client_of(first)
    account = await ask.account()
    key = (await ask("POST", "/v1/keys", {"role": "reader"})).json["key"]
    assert (await ask("POST", "/v1/halt")).json == {"halted": True}
    assert await asyncio.to_thread(first.end) == 0
    ask = client_of(await asyncio.to_thread(launch))
    assert (await ask("GET", f"/v1/accounts/{account}", key=key)).json["halted"] is True
    assert (await ask("POST", f"/v1/accounts/{account}/resume")).json == {"halted": True}
    assert (await ask("POST", "/v1/resume")).json == {"halted": False}
    assert (await ask("GET", f"/v1/accounts/{account}")).json["halted"] is False


async def test_sigterm_answers_what_is_under_way(launch, client_of):
    own = launch()
    ask = client_of(own)
    await ask("POST", "/v1/market/quotes", QUOTE)
    account = await ask.account()
    path = f"/v1/accounts/{account}/orders"
    sent = [asyncio.create_task(ask("POST", path, ORDER, Idempotency_Key=str(number))) for number in range(20)]
    await asyncio.sleep(0.02)
    code = asyncio.create_task(asyncio.to_thread(own.end))
    answers = await asyncio.gather(*sent, return_exceptions=True)
    assert await code == 0
    # A connection that was not accepted yet is refused; whatever was accepted is answered in full.
    assert all(isinstance(answer, OSError | aiohttp.ClientError) or answer.status == 201 for answer in answers)
    assert any(not isinstance(answer, OSError | aiohttp.ClientError) for answer in answers)


def test_a_taken_port_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(tmp_path, "serve", "--port", str(port), "--database", "duckdb:///:memory:")
    assert (done.returncode, done.stdout) == (4, "")
    assert f"127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--port", "0", "--database", "duckdb:////no/such/folder/x.db"), "/no/such/folder"),
        (("--port", "0", "--database", "mysql://x"), "mysql"),
        (("--database", "duckdb:///x.db", "--workers", "2"), "one process"),
        (("--database", "duckdb:///x.db", "--port", "99999"), "server.port"),
        (("--database", "duckdb:///x.db", "--surprise"), "surprise"),
    ],
)
def test_what_cannot_start_says_why_and_exits_4(tmp_path, arguments, says):
    done = run(tmp_path, "serve", *arguments)
    assert (done.returncode, done.stdout) == (4, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "extra", [{"WHEELHOUSE_CLOCK": CLOCK}, {"WHEELHOUSE_CLOCK": "system", "WHEELHOUSE_BOOTSTRAP_KEY": "x" * 30}]
)
def test_production_refuses_what_is_for_tests(tmp_path, extra):
    clean = {"WHEELHOUSE_BOOTSTRAP_KEY": "", "WHEELHOUSE_ENV": "production"}
    done = run(tmp_path, "serve", "--port", "0", "--database", "duckdb:///:memory:", **(clean | extra))
    assert done.returncode == 4
    assert "production" in done.stderr


async def test_a_held_database_names_its_holder_and_the_way_out(launch, tmp_path, client_of):
    own = launch()
    url = f"duckdb:///{own.database}"
    for arguments in (("serve", "--port", "0"), ("verify",)):
        done = await asyncio.to_thread(run, tmp_path, *arguments, "--database", url)
        assert done.returncode == 4, done
        assert str(own.process.pid) in done.stderr
        assert "Traceback" not in done.stderr
        if arguments[0] != "serve":
            assert "--server" in done.stderr
    made = await asyncio.to_thread(
        run,
        tmp_path,
        "keys",
        "create",
        "--role",
        "reader",
        "--server",
        own.url,
        WHEELHOUSE_KEY="a-bootstrap-key-of-many-characters",
    )
    assert made.returncode == 0, made.stderr
    assert (await client_of(own)("GET", "/v1/about", key=made.stdout.split()[-1])).status == 200


async def test_too_large_bodies_are_refused(launch, client_of):
    ask = client_of(launch(WHEELHOUSE_SERVER__MAX_BODY_BYTES="2048"))
    assert (await ask("POST", "/v1/accounts", b'{"name": "' + b"x" * 4096 + b'"}')).status == 413
    assert (await ask("GET", "/v1/about")).status == 200


async def test_a_required_feed_that_went_stale_is_not_ready(launch, client_of):
    ask = client_of(launch(WHEELHOUSE_FEED__REQUIRED="true", WHEELHOUSE_MARKET__STALE_AFTER="120"))
    assert (await ask("GET", "/readyz")).status == 200
    late = {"quotes": [{"symbol": "ZSA", "ts": "2013-03-01T14:40:00Z", "bid": 10.0, "ask": 10.1}]}
    await ask("POST", "/v1/market/quotes", late)
    stale = await ask("GET", "/readyz")
    assert (stale.status, stale.json["status"]) == (503, "not_ready")
    assert stale.headers["retry-after"]
    assert [check["name"] for check in stale.json["checks"] if not check["ok"]] == ["feed"]
    assert (await ask("GET", "/v1/market/ZSA")).json["state"] == "stale"
    assert (await ask("GET", "/livez")).status == 200
