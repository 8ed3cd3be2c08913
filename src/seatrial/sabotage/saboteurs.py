"""The catalogue: each saboteur is one defect that real systems have had, and names what must notice it.

None of them lives inside the product's code: they stand before the server, beside it, or around it.
"""

import asyncio
import contextlib
import itertools
import json
import math
import os
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from seatrial.observe.cores import usable_cores
from seatrial.sabotage.proxy import Answer, Forward, Meddler, Request, json_answer
from seatrial.sabotage.saboteur import ProcessSaboteur, WireSaboteur, wrapped_in
from seatrial.target.sabotage import Launch, Saboteur

_RECOMMENDATIONS = ("GET", "v1", "accounts", "*", "recommendations")
_ORDERS = ("POST", "v1", "accounts", "*", "orders")
_LEDGER = ("GET", "v1", "accounts", "*", "ledger")
_CHAIN = ("GET", "v1", "market", "*", "chain")
_MARKET = ("GET", "v1", "market", "*")
_QUOTES = ("POST", "v1", "market", "quotes")


def _pass_on(_launch: Launch) -> Meddler:
    async def meddle(request: Request, forward: Forward) -> Answer:
        return await forward(request)

    return meddle


def _late_recommendations(_launch: Launch) -> Meddler:
    async def meddle(request: Request, forward: Forward) -> Answer:
        if request.is_(*_RECOMMENDATIONS):
            await asyncio.sleep(3.0)
        return await forward(request)

    return meddle


def _everything_slow(_launch: Launch) -> Meddler:
    async def meddle(request: Request, forward: Forward) -> Answer:
        await asyncio.sleep(2.5)
        return await forward(request)

    return meddle


def _failing_tenth(_launch: Launch) -> Meddler:
    turn = itertools.count(1)

    async def meddle(request: Request, forward: Forward) -> Answer:
        if request.is_(*_RECOMMENDATIONS) and next(turn) % 10 == 0:
            return json_answer(500, {"type": "about:blank", "title": "Internal Server Error", "status": 500})
        return await forward(request)

    return meddle


def _killed_half_way(launch: Launch) -> Meddler:
    turn = itertools.count(1)

    async def meddle(request: Request, forward: Forward) -> Answer:
        if request.is_(*_RECOMMENDATIONS) and next(turn) == 150:
            await launch.kill()
        return await forward(request)

    return meddle


def _invented_order(request: Request) -> dict[str, Any]:
    order = json.loads(request.body)
    return {
        "id": secrets.token_hex(8),
        "status": "filled",
        "legs": order["legs"],
        "fills": [
            {
                "id": secrets.token_hex(8),
                "ts": "2013-03-01T14:30:05Z",
                "symbol": leg["symbol"],
                "quantity": leg["quantity"],
                "price": order.get("limit_price") or 1.0,
                "fee": 0.65,
            }
            for leg in order["legs"]
        ],
        "reasons": [],
    }


def _dropped_order(_launch: Launch) -> Meddler:
    async def meddle(request: Request, forward: Forward) -> Answer:
        if request.is_(*_ORDERS):
            return json_answer(201, _invented_order(request))
        return await forward(request)

    return meddle


def _doubled_order(_launch: Launch) -> Meddler:
    async def meddle(request: Request, forward: Forward) -> Answer:
        if request.is_(*_ORDERS) and request.header("Idempotency-Key"):
            return await forward(request.with_header("Idempotency-Key", secrets.token_hex(16)))
        return await forward(request)

    return meddle


def _wrong_delta_sign(_launch: Launch) -> Meddler:
    async def meddle(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        if request.is_(*_CHAIN) and answer.status == 200:
            chain = answer.json()
            for contract in chain["contracts"]:
                if contract["delta"] is not None:
                    contract["delta"] = -contract["delta"]
            return answer.with_json(chain)
        return answer

    return meddle


def _stale_as_fresh(_launch: Launch) -> Meddler:
    """The snapshot stopped ten minutes before; only the label still says fresh."""

    async def meddle(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        if request.is_(*_MARKET) and answer.status == 200:
            state = answer.json()
            if state["as_of"] is not None:
                state |= {"as_of": "2013-03-01T14:19:00Z", "state": "fresh", "age_seconds": 1.0}
            return answer.with_json(state)
        return answer

    return meddle


def _frozen_snapshot(_launch: Launch) -> Meddler:
    """The first answer for ever, with the time stamps of the newest."""
    kept: dict[str, Mapping[str, Any]] = {}

    async def meddle(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        if request.is_(*_MARKET) and answer.status == 200:
            state = answer.json()
            first = kept.setdefault(request.path, state)
            return answer.with_json(state | {name: first[name] for name in ("spot", "bid", "ask")})
        return answer

    return meddle


def _slow_feed(_launch: Launch) -> Meddler:
    lock = asyncio.Lock()

    async def meddle(request: Request, forward: Forward) -> Answer:
        if request.is_(*_QUOTES):
            async with lock:
                await asyncio.sleep(1.0)
        return await forward(request)

    return meddle


def _error_as_hold(_launch: Launch) -> Meddler:
    async def meddle(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        if request.is_(*_RECOMMENDATIONS) and answer.status >= 400:
            hold = {
                "id": "hold",
                "action": "hold",
                "symbol": "ZSNONE",
                "legs": [],
                "limit_price": None,
                "effect": None,
                "reasons": [{"code": "hold", "detail": "confidence 0.50"}],
                "risk": None,
                "rank": 1,
            }
            data = {"state": "fresh", "age_seconds": 0.0}
            body = {"as_of": "2013-03-01T14:30:05Z", "recommendations": [hold], "rejections": {}, "data": data}
            return json_answer(200, body)
        return answer

    return meddle


def _open_door(_launch: Launch) -> Meddler:
    """Whoever has no key gets the last one seen."""
    seen: dict[str, str] = {}

    async def meddle(request: Request, forward: Forward) -> Answer:
        authorization = request.header("Authorization")
        if authorization is not None:
            seen["key"] = authorization
        elif "key" in seen:
            request = request.with_header("Authorization", seen["key"])
        return await forward(request)

    return meddle


def _credulous(_launch: Launch) -> Meddler:
    async def meddle(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        if request.is_(*_QUOTES) and answer.status == 200:
            told = answer.json()
            told |= {"accepted": told["accepted"] + told["rejected"], "rejected": 0, "rejections": []}
            return answer.with_json(told)
        return answer

    return meddle


def _premium_counted_twice(_launch: Launch) -> Meddler:
    async def meddle(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        if request.is_("GET", "v1", "accounts", "*") and answer.status == 200:
            account = answer.json()
            options = [p for p in account["positions"] if len(p["symbol"]) == 21 and p["quantity"] < 0]
            premium = sum(-p["quantity"] * 100 * (p["tax_basis"] or 1.0) for p in options)
            return answer.with_json(account | {"cash": round(account["cash"] + premium, 2)})
        return answer

    return meddle


def _frozen_metrics(_launch: Launch) -> Meddler:
    kept: list[Answer] = []

    async def meddle(request: Request, forward: Forward) -> Answer:
        if request.is_("GET", "metrics"):
            if not kept:
                kept.append(await forward(request))
            return kept[0]
        return await forward(request)

    return meddle


def _mute_health(_launch: Launch) -> Meddler:
    async def meddle(request: Request, forward: Forward) -> Answer:
        if request.is_("GET", "readyz"):
            return json_answer(200, {"status": "ok", "checks": []})
        return await forward(request)

    return meddle


def _one_at_a_time(_launch: Launch) -> Meddler:
    in_flight = 0

    async def meddle(request: Request, forward: Forward) -> Answer:
        nonlocal in_flight
        if not request.is_(*_RECOMMENDATIONS):
            return await forward(request)
        if in_flight >= 2:
            return json_answer(503, {"type": "about:blank", "title": "Service Unavailable", "status": 503})
        in_flight += 1
        try:
            await asyncio.sleep(0.05)
            return await forward(request)
        finally:
            in_flight -= 1

    return meddle


async def _memory_hog(launch: Launch) -> str:
    return await launch(wrap=wrapped_in("seatrial.sabotage.burden", "memory", "1200"))


async def _cpu_hog(launch: Launch) -> str:
    # One spinning process a core: fewer would leave cores free on a larger machine.
    cores = math.ceil(usable_cores([os.getpid()]))
    return await launch(wrap=wrapped_in("seatrial.sabotage.burden", "cpu", str(cores)))


async def _healthy(launch: Launch) -> str:
    return await launch()


async def _keep_database_readable(launch: Launch) -> None:
    while True:
        for path in launch.data_files:
            # The write-ahead log comes and goes.
            with contextlib.suppress(FileNotFoundError):
                path.chmod(0o644)
        await asyncio.sleep(0.02)


async def _forgetful(launch: Launch) -> str:
    """The database is in memory: everything works until the process ends."""

    def in_memory(argv: Sequence[str]) -> Sequence[str]:
        at = argv.index("--database") + 1
        return (*argv[:at], "duckdb:///:memory:", *argv[at + 1 :])

    return await launch(wrap=in_memory)


async def _configuration_missing(launch: Launch) -> str:
    """Only the defaults are deployed; nothing says what production is."""
    folder = launch.folder / "config"
    folder.mkdir()
    source = launch.config_directory
    if source is not None:
        (folder / "default.toml").write_bytes((source / "default.toml").read_bytes())
    return await launch(env={"WHEELHOUSE_CONFIG_DIR": str(folder)})


#: Lives in every proof: what it fails would be the proof's own doing.
NOOP: Saboteur = WireSaboteur(
    id="no_op", title="Nothing is wrong; the proxy passes everything on", expected=(), meddler=_pass_on
)

_CONCURRENT = "stress_testing.concurrent_recommendations"
_OPEN = "real_world_scenarios.market_open"
_WORKFLOW = "end_to_end_workflows.complete_trading_workflow"

SABOTEURS: tuple[Saboteur, ...] = (
    WireSaboteur(
        id="late_recommendations",
        title="Recommendations come three seconds late",
        expected=(f"{_CONCURRENT}.response_time_p95", f"{_OPEN}.response_time_p95", "performance.response_time"),
        meddler=_late_recommendations,
        level="load",
    ),
    WireSaboteur(
        id="everything_slow",
        title="Every answer takes two and a half seconds",
        expected=(f"{_WORKFLOW}.duration_seconds",),
        meddler=_everything_slow,
    ),
    WireSaboteur(
        id="failing_tenth",
        title="One recommendation in ten is an internal error",
        expected=(f"{_CONCURRENT}.error_rate", f"{_OPEN}.error_rate"),
        meddler=_failing_tenth,
        level="load",
    ),
    WireSaboteur(
        id="killed_half_way",
        title="The server dies in the middle of the load",
        expected=(f"{_CONCURRENT}.throughput", f"{_OPEN}.throughput"),
        meddler=_killed_half_way,
        level="load",
    ),
    WireSaboteur(
        id="dropped_order",
        title="An order is acknowledged and dropped",
        expected=(f"{_WORKFLOW}.steps_failed", "reliability.survives_kill"),
        meddler=_dropped_order,
    ),
    WireSaboteur(
        id="doubled_order",
        title="A repeated request is a second order",
        expected=("data_integrity.idempotent_orders",),
        meddler=_doubled_order,
    ),
    WireSaboteur(
        id="premium_counted_twice",
        title="The premium is in the cash twice",
        expected=(f"{_WORKFLOW}.ledger_unexplained",),
        meddler=_premium_counted_twice,
    ),
    WireSaboteur(
        id="wrong_delta_sign",
        title="Deltas have the wrong sign",
        expected=(f"{_WORKFLOW}.delta_error",),
        meddler=_wrong_delta_sign,
    ),
    WireSaboteur(
        id="stale_as_fresh",
        title="A ten minute old snapshot is served as fresh",
        expected=(f"{_OPEN}.data_age_seconds",),
        meddler=_stale_as_fresh,
        level="load",
    ),
    WireSaboteur(
        id="frozen_snapshot",
        title="The snapshot stands still under moving time stamps",
        expected=(f"{_OPEN}.stale_read_rate",),
        meddler=_frozen_snapshot,
        level="load",
    ),
    WireSaboteur(
        id="slow_feed",
        title="The feed takes in one update a second",
        expected=(f"{_OPEN}.updates_per_minute",),
        meddler=_slow_feed,
        level="load",
    ),
    WireSaboteur(
        id="error_as_hold",
        title="An error is turned into HOLD",
        expected=("reliability.errors_are_errors",),
        meddler=_error_as_hold,
    ),
    WireSaboteur(
        id="open_door",
        title="The /v1 door is open without a key",
        expected=("security.authentication",),
        meddler=_open_door,
    ),
    WireSaboteur(
        id="credulous",
        title="Crossed, negative and future quotes are welcome",
        expected=("data_integrity.validation_rules",),
        meddler=_credulous,
    ),
    WireSaboteur(
        id="frozen_metrics",
        title="The metrics stand still",
        expected=("monitoring.metrics",),
        meddler=_frozen_metrics,
    ),
    WireSaboteur(
        id="mute_health",
        title="The readiness answer checks nothing",
        expected=("monitoring.health",),
        meddler=_mute_health,
    ),
    WireSaboteur(
        id="one_at_a_time",
        title="Only two callers are served at once",
        expected=("scalability.concurrent_operations",),
        meddler=_one_at_a_time,
    ),
    ProcessSaboteur(
        id="memory_hog",
        title="The process tree holds 1.2 GiB more than it needs",
        expected=("performance.memory", f"{_CONCURRENT}.memory_bytes"),
        start=_memory_hog,
    ),
    ProcessSaboteur(
        id="cpu_hog",
        title="The process tree spins without work",
        expected=(f"{_CONCURRENT}.cpu_sustained",),
        start=_cpu_hog,
        level="load",
    ),
    ProcessSaboteur(
        id="world_readable_database",
        title="Anybody on the machine can read the database",
        expected=("security.file_permissions",),
        start=_healthy,
        meanwhile=_keep_database_readable,
        level="storage",
    ),
    ProcessSaboteur(
        id="forgetful",
        title="What was acknowledged is gone with the process",
        expected=("reliability.survives_kill",),
        start=_forgetful,
        level="storage",
    ),
    ProcessSaboteur(
        id="configuration_missing",
        title="There is no configuration for production",
        expected=("configuration.files",),
        start=_configuration_missing,
    ),
)
