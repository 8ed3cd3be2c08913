"""A client that reads as little of wheelhouse as an outsider does: HTTP, JSON and the contract; a real server for each module."""

import json
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from signal import SIGKILL
from urllib.parse import quote
from uuid import uuid4

import pytest

from ..service.conftest import KEY, Server, start  # noqa: TID252 - the folders of tests are no packages

PROBLEM_KEYS = {"type", "title", "status", "detail", "instance"}
ACCOUNT_KEYS = {
    "id", "name", "kind", "as_of", "cash", "equity", "liquidation_equity", "buying_power", "reserved", "halted", "positions",
}  # fmt: skip
CONTRACT_KEYS = {
    "symbol", "expiry", "last_trading_day", "years_to_expiry", "strike", "right", "bid", "ask", "mark", "quote_ts",
    "implied_volatility", "delta", "gamma", "theta_per_day", "vega_per_vol_point", "rho_per_rate_point", "volume",
    "open_interest", "flags",
}  # fmt: skip


@dataclass
class Reply:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes
    json: object = field(default=None)

    def __getitem__(self, key):
        return self.json[key]


@dataclass
class Outsider:
    """Asks one server."""

    server: Server

    def __call__(self, method: str, path: str, body: object = None, *, key: str | None = KEY, **headers: str) -> Reply:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent.setdefault("Authorization", f"Bearer {key}")
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(self.server.url + path, method=method, data=data, headers=sent)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, raw, got = answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                status, raw, got = error.code, error.read(), dict(error.headers)
        got = {name.lower(): value for name, value in got.items()}
        kind = got.get("content-type", "")
        parsed = json.loads(raw, parse_constant=_refuse) if "json" in kind else None
        if status >= 400 and not path.startswith("/readyz"):
            assert kind == "application/problem+json", (method, path, status, kind, raw)
            assert parsed.keys() >= PROBLEM_KEYS
            assert parsed["status"] == status
        return Reply(status=status, headers=got, body=raw, json=parsed)

    def get(self, path: str):
        reply = self("GET", path)
        assert reply.status == 200, (path, reply.json)
        return reply.json

    def now(self) -> datetime:
        return instant(self.get("/v1/about")["now"])

    def quotes(self, *rows: tuple, ts: str | None = None) -> dict:
        """Send (symbol, bid, ask), stamped now."""
        stamp = ts or self.now().isoformat()
        body = {"quotes": [{"symbol": s, "ts": stamp, "bid": b, "ask": a} for s, b, a in rows]}
        reply = self("POST", "/v1/market/quotes", body)
        assert reply.status == 200, reply.json
        return reply.json

    def bars(self, symbol: str, closes: dict[str, float]) -> dict:
        rows = [
            {"symbol": symbol, "ts": day, "open": c, "high": c, "low": c, "close": c, "volume": 100}
            for day, c in closes.items()
        ]
        reply = self("POST", "/v1/market/bars", {"interval": "1d", "bars": rows})
        assert (reply.status, reply["rejected"]) == (200, 0), reply.json
        return reply.json

    def account(self, cash: float = 100_000, kind: str = "cash", **positions: tuple[int, float]) -> str:
        """Open an account; underscores in names of positions are blanks."""
        held = [
            {"symbol": s.replace("_", " "), "quantity": q, "cost_basis": basis} for s, (q, basis) in positions.items()
        ]
        reply = self("POST", "/v1/accounts", {"name": "outsider", "kind": kind, "cash": cash, "positions": held})
        assert reply.status == 201, reply.json
        assert reply.json.keys() >= ACCOUNT_KEYS
        return reply["id"]

    def order(self, account: str, legs: dict[str, int], *, key: str | None = None, **terms) -> Reply:
        body = {"legs": [{"symbol": s, "quantity": q} for s, q in legs.items()], "type": "market"} | terms
        if "limit_price" in terms:
            body["type"] = "limit"
        number = key or uuid4().hex
        return self("POST", f"/v1/accounts/{account}/orders", body, Idempotency_Key=number)

    def end(self, day: str, *accounts: str, **more) -> dict:
        reply = self("POST", "/v1/end-of-day", {"date": day, "accounts": list(accounts)} | more)
        assert reply.status == 200, reply.json
        return reply.json

    def ledger(self, account: str) -> list[dict]:
        events, after = [], 0
        while after is not None:
            part = self.get(f"/v1/accounts/{account}/ledger?after_sequence={after}&limit=7")
            events += part["events"]
            after = part["next_after_sequence"]
        return events

    def explained(self, account: str) -> dict:
        """The account, after checking that its ledger adds up to it."""
        shown, events = self.get(f"/v1/accounts/{account}"), self.ledger(account)
        assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
        assert events[0]["kind"] == "cash"
        assert sum(Decimal(str(event["cash"])) for event in events) == Decimal(str(shown["cash"]))
        held = defaultdict(int)
        for event in events:
            if event["symbol"] is not None:
                held[event["symbol"]] += event["quantity"]
        assert {s: q for s, q in held.items() if q} == {p["symbol"]: p["quantity"] for p in shown["positions"]}
        return shown

    def position(self, account: str, symbol: str) -> dict:
        return next(p for p in self.explained(account)["positions"] if p["symbol"] == symbol)

    def contract(self, osi: str) -> dict:
        chain = self.get(f"/v1/market/{osi[:6].rstrip(' 0123456789')}/chain")
        return next(c for c in chain["contracts"] if c["symbol"] == osi)


def instant(text: str) -> datetime:
    """A timestamp, which must carry an offset."""
    found = datetime.fromisoformat(text)
    assert found.tzinfo is not None, text
    return found


def escaped(symbol: str) -> str:
    return quote(symbol, safe="")


def codes(reply: Reply) -> tuple[str, list[str]]:
    assert reply.status == 201, reply.json
    return reply["status"], [reason["code"] for reason in reply["reasons"]]


def _refuse(name: str):
    raise AssertionError(f"{name} in an answer")


@pytest.fixture(scope="module")
def begin(tmp_path_factory) -> Iterator[Callable[..., Outsider]]:
    """Start servers on one database, one after the other: the next one ends the one before."""
    tmp: Path = tmp_path_factory.mktemp("contract")
    running: list[Server] = []

    def launch(*arguments: str, database: str = "outsider.db", **extra: str) -> Outsider:
        if running:
            assert running.pop().end() == 0
        running.append(start(tmp, tmp / database, *arguments, **extra))
        return Outsider(running[-1])

    yield launch
    for server in running:
        server.end(SIGKILL)


@pytest.fixture(scope="module")
def ask(begin) -> Outsider:
    return begin()
