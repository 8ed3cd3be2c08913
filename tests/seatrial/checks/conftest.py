"""A small trading system on loopback that does what it should, unless told otherwise."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from seatrial.checks import CheckContext, registered
from seatrial.target.http import HttpTarget
from seatrial.verdict.scoring import CheckResult

NOW = datetime(2013, 3, 1, 14, 30, tzinfo=UTC)
PUT = "AAPL  130316P00150000"
KEY = "valid"


def problem(status: int) -> web.Response:
    return web.json_response({"title": "no", "status": status}, status=status)


@dataclass
class SmallSystem:
    """Its faults are switches; a test turns one on."""

    open_door: bool = False
    refuses_everybody: bool = False
    accepts_everything: bool = False
    rejects_in_words_only: bool = False
    forgets_keys: bool = False
    loses_orders: bool = False
    counts_nothing: bool = False
    no_counter: bool = False
    readiness: tuple = (("store", True), ("feed", True))
    unknown_symbol: int | str = 404
    delay: float = 0.0
    at_once: int = 100
    silent: bool = False
    order_status: str = "filled"
    accounts: dict = field(default_factory=dict)
    orders: dict = field(default_factory=dict)
    by_key: dict = field(default_factory=dict)
    quote: tuple = (199.99, 200.01)
    requests: int = 0
    in_flight: int = 0
    pushed: list = field(default_factory=list)
    numbers: itertools.count = field(default_factory=lambda: itertools.count(1))

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests += 1
        method, parts = request.method, request.path.strip("/").split("/")
        if parts[0] == "v1":
            authorized = request.headers.get("Authorization") == f"Bearer {KEY}"
            if self.refuses_everybody or not (authorized or self.open_door):
                return problem(401)
        body = await request.read()
        payload = json.loads(body) if body else None
        match method, parts:
            case "GET", ["livez"]:
                return web.json_response({})
            case "GET", ["readyz"]:
                checks = [{"name": name, "ok": ok} for name, ok in self.readiness]
                return web.json_response({"status": "ok", "checks": checks})
            case "GET", ["metrics"]:
                count = 7 if self.counts_nothing else self.requests
                name = "up" if self.no_counter else "small_http_requests_total"
                return web.Response(text=f'{name}{{code="200"}} {count}\n')
            case "GET", ["v1", "about"]:
                return web.json_response(
                    {
                        "system": "small",
                        "version": "1",
                        "environment": "staging",
                        "broker": "paper",
                        "now": NOW.isoformat(),
                        "session": "open",
                        "clock": "simulated",
                        "capabilities": [],
                    }
                )
            case "GET", ["v1", "keys"]:
                return web.json_response({"keys": []})
            case "POST", ["v1", "market", "quotes"]:
                return self._quotes(payload["quotes"])
            case "GET", ["v1", "market", symbol]:
                bid, ask = self.quote
                return web.json_response(
                    {
                        "symbol": symbol,
                        "spot": 200.0,
                        "bid": bid,
                        "ask": ask,
                        "as_of": NOW.isoformat(),
                        "age_seconds": 0.0,
                        "state": "fresh",
                        "evidence": "simulated",
                    }
                )
            case "GET", ["v1", "market", symbol, "chain"]:
                return web.json_response(chain(symbol))
            case "GET", ["v1", "accounts"]:
                return web.json_response({"accounts": list(self.accounts.values()), "next_cursor": None})
            case "POST", ["v1", "accounts"]:
                return self._open(payload)
            case "GET", ["v1", "accounts", account]:
                return web.json_response(self.accounts[account])
            case "GET", ["v1", "accounts", account, "recommendations"]:
                return await self._advise(account, request.query.get("symbol"))
            case "GET", ["v1", "accounts", account, "orders"]:
                return web.json_response({"orders": self.orders[account], "next_cursor": None})
            case "POST", ["v1", "accounts", account, "orders"]:
                return self._order(account, payload, request.headers["Idempotency-Key"])
        return problem(404)

    def _quotes(self, quotes) -> web.Response:
        rejections = []
        for index, quote in enumerate(quotes):
            self.pushed.append(quote["symbol"])
            late = datetime.fromisoformat(quote["ts"]) > NOW + timedelta(minutes=1)
            bad = quote["bid"] > quote["ask"] or quote["bid"] < 0 or late or "X" in quote["symbol"]
            if bad and not self.accepts_everything:
                rejections.append({"index": index, "rule": "bad", "detail": None})
            if not bad or self.accepts_everything or self.rejects_in_words_only:
                self.quote = (quote["bid"], quote["ask"])
            if bad and self.rejects_in_words_only:
                break
        return web.json_response(
            {
                "accepted": len(quotes) - len(rejections),
                "duplicates": 0,
                "rejected": len(rejections),
                "rejections": rejections,
            }
        )

    def _open(self, payload) -> web.Response:
        account = f"a{next(self.numbers)}"
        self.orders[account] = []
        self.accounts[account] = {
            "id": account,
            "name": payload["name"],
            "kind": payload["kind"],
            "as_of": NOW.isoformat(),
            "cash": payload["cash"],
            "equity": payload["cash"],
            "liquidation_equity": payload["cash"],
            "buying_power": payload["cash"],
            "reserved": 0.0,
            "halted": False,
            "positions": [],
        }
        return web.json_response(self.accounts[account], status=201)

    async def _advise(self, account: str, symbol: str | None) -> web.Response:
        if symbol is not None and isinstance(self.unknown_symbol, int):
            return problem(self.unknown_symbol)
        if self.in_flight >= self.at_once:
            return problem(503)
        self.in_flight += 1
        try:
            await asyncio.sleep(self.delay or 0.01)
        finally:
            self.in_flight -= 1
        action = self.unknown_symbol if symbol is not None else "wait"
        piece = {
            "id": "r",
            "action": action,
            "symbol": symbol or "AAPL",
            "legs": [],
            "limit_price": None,
            "effect": None,
            "reasons": [{"code": "why", "detail": "so"}],
            "risk": None,
            "rank": 1,
        }
        return web.json_response(
            {
                "as_of": NOW.isoformat(),
                "recommendations": [] if self.silent else [piece],
                "rejections": {},
                "data": {"state": "fresh", "age_seconds": 0.0},
            }
        )

    def _order(self, account: str, payload, key: str) -> web.Response:
        if key in self.by_key and not self.forgets_keys:
            return web.json_response(self.by_key[key])
        order = {"id": f"o{next(self.numbers)}", "status": self.order_status, "legs": payload["legs"]}
        self.by_key[key] = order
        if not self.loses_orders:
            self.orders[account].append(order)
        return web.json_response(order, status=201)


def contract(symbol: str, *, right: str = "put", strike: float = 150.0, bid: float = 1.0, ask: float = 1.1) -> dict:
    return {
        "symbol": symbol,
        "expiry": "2013-03-16",
        "last_trading_day": "2013-03-15",
        "years_to_expiry": 0.04,
        "strike": strike,
        "right": right,
        "bid": bid,
        "ask": ask,
        "mark": (bid + ask) / 2,
        "quote_ts": NOW.isoformat(),
        "implied_volatility": 0.5,
        "delta": -0.05,
        "gamma": 0.01,
        "theta_per_day": -0.01,
        "vega_per_vol_point": 0.01,
        "rho_per_rate_point": 0.0,
        "volume": 1.0,
        "open_interest": 1.0,
        "flags": [],
    }


def chain(symbol: str) -> dict:
    return {
        "symbol": symbol,
        "spot": 200.0,
        "as_of": NOW.isoformat(),
        "rate": 0.01,
        "dividend_yield": 0.0,
        "model": "american",
        "priced_at": NOW.isoformat(),
        "contracts": [contract(PUT)],
    }


Ask = Callable[..., Awaitable[CheckResult]]


@pytest.fixture
def small() -> type[SmallSystem]:
    return SmallSystem


@pytest.fixture
def ask(serve) -> Ask:
    async def asked(
        identifier: str, system=None, *, disposable: bool = True, lacks: tuple[str, ...] = ()
    ) -> CheckResult:
        [check] = [known for known in registered() if known.id == identifier]
        async with (
            serve(system or SmallSystem()) as url,
            HttpTarget(url, key=KEY, symbols=["AAPL"], lacks=lacks) as target,
        ):
            context = CheckContext(target=target, account_name="seatrial-{}".format, disposable=disposable)
            return await check.run(context)

    return asked
