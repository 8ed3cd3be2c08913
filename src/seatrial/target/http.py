"""Any trading system that speaks the HTTP contract, reached by its address."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote as percent_encode

import aiohttp
from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypeAliasType

from seatrial.errors import ConfigurationError, HarnessError, TargetFailure
from seatrial.target.records import (
    About,
    Account,
    Bar,
    Chain,
    Health,
    IngestResult,
    LedgerEvent,
    MarketState,
    NamedAccount,
    OpeningPosition,
    Order,
    OrderRequest,
    Performance,
    Preview,
    Quote,
    RawAnswer,
    Recommendations,
    Risk,
)

Record = TypeVar("Record")

#: No answer by this time is a failure of the target, whatever a stage's own time limit says.
TIME_LIMIT_SECONDS = 30.0


_ADAPTERS: dict[object, TypeAdapter[Any]] = {}


def _adapter(record: type[Record]) -> TypeAdapter[Record]:
    # Building one costs milliseconds, so each record keeps its own. Under a name of its own it takes the configuration, which
    # pydantic does not accept beside a plain dataclass: undefined is null, never NaN.
    if record not in _ADAPTERS:
        named = TypeAliasType("named", record)  # type: ignore[valid-type]
        _ADAPTERS[record] = TypeAdapter(named, config=ConfigDict(allow_inf_nan=False))
    return _ADAPTERS[record]


def parse(record: type[Record], body: bytes, *, asked: str) -> Record:
    """Parse a JSON body into a record.

    Raises
    ------
    TargetFailure
        Of kind ``schema``, naming the place and the value that does not fit.
    """
    try:
        value: Record = _adapter(record).validate_json(body, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        shown = repr(first.get("input"))[:80]
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise TargetFailure(f"{asked}: {place} is {shown}: {first['msg']}{more}", kind="schema") from error
    return value


def instant(when: datetime) -> str:
    """RFC 3339 with offset, as the contract wants instants."""
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


class HttpTarget:
    """A trading system behind an HTTP address.

    Parameters
    ----------
    url
        Base address, e.g. ``http://127.0.0.1:8321``.
    key
        API key; sent as a bearer token. Never printed.
    symbols
        Underlyings that the trial may use.
    lacks
        Capabilities the system does not have.
    time_limit_seconds
        When an unanswered request counts as failed.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None,
        symbols: Sequence[str] = (),
        lacks: Sequence[str] = (),
        time_limit_seconds: float = TIME_LIMIT_SECONDS,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ConfigurationError(f"target url {url!r} is not an http:// or https:// address")
        self.url = url.rstrip("/")
        self.symbols = tuple(symbols)
        self.lacks: frozenset[str] = frozenset(lacks)
        self._key = key
        self._time_limit = time_limit_seconds
        self._session: aiohttp.ClientSession | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not appear in any report."""
        return () if self._key is None else (self._key,)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=self._time_limit),
            auto_decompress=True,
        )
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def raw(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        authenticated: bool = True,
    ) -> RawAnswer:
        """Send one request and return whatever comes back; no answer is a `TargetFailure`."""
        if self._session is None:
            raise HarnessError("the target was used outside of its context: enter it with 'async with' first")
        sent = dict(headers or {})
        if authenticated and self._key is not None:
            sent.setdefault("Authorization", f"Bearer {self._key}")
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        asked = f"{method} {path}"
        try:
            async with self._session.request(method, self.url + path, data=body, headers=sent) as answer:
                return RawAnswer(status=answer.status, headers=dict(answer.headers), body=await answer.read())
        except TimeoutError as error:
            raise TargetFailure(f"{asked}: no answer within {self._time_limit:g} s", kind="timeout") from error
        except aiohttp.ClientError as error:
            raise TargetFailure(f"{asked}: {type(error).__name__}: {error}", kind="connection") from error
        except OSError as error:
            raise TargetFailure(f"{asked}: {error}", kind="connection") from error

    async def ask(
        self,
        method: str,
        path: str,
        *,
        payload: object | None = None,
        headers: Mapping[str, str] | None = None,
        accepted: tuple[int, ...] = (200,),
    ) -> bytes:
        """Send a JSON request and return the body; another status than the accepted ones is a `TargetFailure`."""
        body = None if payload is None else json.dumps(payload, allow_nan=False).encode()
        answer = await self.raw(method, path, headers=headers, body=body)
        if answer.status not in accepted:
            expected = " or ".join(str(code) for code in accepted)
            excerpt = answer.body[:300].decode(errors="replace")
            raise TargetFailure(
                f"{method} {path}: status {answer.status}, expected {expected}: {excerpt}",
                kind="status",
                status=answer.status,
            )
        return answer.body

    async def _get(self, record: type[Record], path: str) -> Record:
        return parse(record, await self.ask("GET", path), asked=f"GET {path}")

    async def _pages(self, item: type[Record], path: str, name: str) -> tuple[Record, ...]:
        collected: list[Record] = []
        seen: set[str] = set()
        cursor: str | None = None
        while True:
            separator = "&" if "?" in path else "?"
            page_path = path if cursor is None else f"{path}{separator}cursor={percent_encode(cursor, safe='')}"
            page = json_object(await self.ask("GET", page_path), asked=f"GET {page_path}")
            if name not in page:
                raise TargetFailure(f"GET {page_path}: the key {name!r} is missing", kind="schema")
            items = json.dumps(page[name]).encode()
            collected.extend(parse(tuple[item, ...], items, asked=f"GET {page_path}"))  # type: ignore[valid-type]
            following = page.get("next_cursor")
            if following is None:
                return tuple(collected)
            if not isinstance(following, str) or following in seen:
                raise TargetFailure(
                    f"GET {page_path}: next_cursor {following!r} leads nowhere new; a new text or null is wanted",
                    kind="schema",
                )
            seen.add(following)
            cursor = following

    # -- market

    async def push_quotes(self, quotes: Sequence[Quote]) -> IngestResult:
        """Offer a batch of quotes."""
        payload = {"quotes": [_quote_payload(quote) for quote in quotes]}
        path = "/v1/market/quotes"
        return parse(IngestResult, await self.ask("POST", path, payload=payload), asked=f"POST {path}")

    async def market(self, symbol: str) -> MarketState:
        """Spot, age and state of one underlying."""
        return await self._get(MarketState, f"/v1/market/{percent_encode(symbol, safe='')}")

    async def chain(self, symbol: str) -> Chain:
        """The priced option chain of one underlying."""
        return await self._get(Chain, f"/v1/market/{percent_encode(symbol, safe='')}/chain")

    async def bars(self, symbol: str, *, start: datetime, end: datetime) -> tuple[Bar, ...]:
        """Daily bars, ``start`` inclusive, ``end`` exclusive."""
        path = f"/v1/market/{percent_encode(symbol, safe='')}/bars?interval=1d&start={start.date()}&end={end.date()}"
        return await self._pages(Bar, path, "bars")

    # -- advice

    async def recommendations(self, account_id: str, symbol: str | None = None) -> Recommendations:
        """Ranked advice for an account, about one symbol or all."""
        query = "" if symbol is None else f"?symbol={percent_encode(symbol, safe='')}"
        return await self._get(Recommendations, f"/v1/accounts/{account_id}/recommendations{query}")

    # -- trading

    async def submit_order(self, account_id: str, order: OrderRequest, *, idempotency_key: str) -> Order:
        """Submit an order; the same key and body answer with the stored order."""
        path = f"/v1/accounts/{account_id}/orders"
        body = await self.ask(
            "POST",
            path,
            payload=_order_payload(order),
            headers={"Idempotency-Key": idempotency_key},
            accepted=(200, 201),
        )
        return parse(Order, body, asked=f"POST {path}")

    async def preview_order(self, account_id: str, order: OrderRequest) -> Preview:
        """What the order would do; nothing is written."""
        path = f"/v1/accounts/{account_id}/orders/preview"
        return parse(Preview, await self.ask("POST", path, payload=_order_payload(order)), asked=f"POST {path}")

    async def orders(self, account_id: str) -> tuple[Order, ...]:
        """Every order of an account."""
        return await self._pages(Order, f"/v1/accounts/{account_id}/orders", "orders")

    # -- books

    async def account_names(self) -> tuple[str, ...]:
        """The name of every account that there is."""
        return tuple(account.name for account in await self._pages(NamedAccount, "/v1/accounts?limit=1000", "accounts"))

    async def create_account(
        self, name: str, *, cash: float, kind: str = "cash", positions: Sequence[OpeningPosition] = ()
    ) -> Account:
        """Open an account."""
        payload = {
            "name": name,
            "kind": kind,
            "cash": cash,
            "positions": [{"symbol": p.symbol, "quantity": p.quantity, "cost_basis": p.cost_basis} for p in positions],
        }
        body = await self.ask("POST", "/v1/accounts", payload=payload, accepted=(201,))
        return parse(Account, body, asked="POST /v1/accounts")

    async def account(self, account_id: str) -> Account:
        """The account as it stands."""
        return await self._get(Account, f"/v1/accounts/{account_id}")

    async def ledger(self, account_id: str, *, after_sequence: int = 0) -> tuple[LedgerEvent, ...]:
        """Every event of an account after a sequence number."""
        collected: list[LedgerEvent] = []
        after: int | None = after_sequence
        while after is not None:
            path = f"/v1/accounts/{account_id}/ledger?after_sequence={after}"
            page = json_object(await self.ask("GET", path), asked=f"GET {path}")
            events = parse(tuple[LedgerEvent, ...], json.dumps(page.get("events")).encode(), asked=f"GET {path}")
            collected.extend(events)
            following = page.get("next_after_sequence")
            if following is not None and not (isinstance(following, int) and following > after):
                raise TargetFailure(
                    f"GET {path}: next_after_sequence {following!r} does not go on; more than {after} or null is wanted",
                    kind="schema",
                )
            after = following
        return tuple(collected)

    async def risk(self, account_id: str) -> Risk:
        """Exposure, margin, VaR and ES of an account."""
        return await self._get(Risk, f"/v1/accounts/{account_id}/risk")

    async def performance(self, account_id: str) -> Performance:
        """Performance statistics of an account."""
        return await self._get(Performance, f"/v1/accounts/{account_id}/performance")

    # -- operations

    async def about(self) -> About:
        """What the system says of itself."""
        return await self._get(About, "/v1/about")

    async def alive(self) -> None:
        """Return when the process answers ``/livez``."""
        await self.ask("GET", "/livez")

    async def ready(self) -> Health:
        """The answer of ``/readyz``; not ready is a `TargetFailure`."""
        return await self._get(Health, "/readyz")

    async def metrics(self) -> Mapping[str, float]:
        """Samples of ``/metrics`` by their exposition line without the value."""
        body = await self.ask("GET", "/metrics")
        return parse_exposition(body.decode(errors="replace"))

    async def wait_until(self, path: str, *, within_seconds: float) -> None:
        """Poll a path until it answers 200.

        Raises
        ------
        TargetFailure
            The last thing that came back, when the time is over.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_seconds
        while True:
            try:
                await self.ask("GET", path)
            except TargetFailure as failure:
                if loop.time() >= deadline:
                    raise TargetFailure(
                        f"{path} was not 200 within {within_seconds:g} s; last: {failure.detail}", kind=failure.kind
                    ) from failure
                await asyncio.sleep(0.05)
            else:
                return


def parse_exposition(text: str) -> dict[str, float]:
    """Parse Prometheus' text format into ``{"name{labels}": value}``; comments and time stamps are left out."""
    samples: dict[str, float] = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        end_of_name = line.rfind("}") + 1 or line.find(" ")
        name, _, rest = line[:end_of_name], None, line[end_of_name:].split()
        try:
            samples[name] = float(rest[0])
        except (IndexError, ValueError) as error:
            raise TargetFailure(f"/metrics: {line!r} is not a sample", kind="schema") from error
    return samples


def json_object(body: bytes, *, asked: str) -> dict[str, Any]:
    """Parse a body that has to be a JSON object; anything else is a `TargetFailure`."""
    try:
        value = json.loads(body)
    except ValueError as error:
        raise TargetFailure(f"{asked}: the body is not JSON: {body[:80]!r}", kind="schema") from error
    if not isinstance(value, dict):
        raise TargetFailure(f"{asked}: the body is not a JSON object: {body[:80]!r}", kind="schema")
    return value


def _quote_payload(quote: Quote) -> dict[str, object]:
    payload: dict[str, object] = {
        "symbol": quote.symbol,
        "ts": instant(quote.ts),
        "bid": quote.bid,
        "ask": quote.ask,
    }
    for name in ("bid_size", "ask_size", "last", "volume", "open_interest"):
        value = getattr(quote, name)
        if value is not None:
            payload[name] = value
    return payload


def _order_payload(order: OrderRequest) -> dict[str, object]:
    payload: dict[str, object] = {
        "legs": [{"symbol": leg.symbol, "quantity": leg.quantity} for leg in order.legs],
        "type": order.type,
        "time_in_force": order.time_in_force,
    }
    if order.limit_price is not None:
        payload["limit_price"] = order.limit_price
    if order.effect is not None:
        payload["effect"] = order.effect
    return payload
