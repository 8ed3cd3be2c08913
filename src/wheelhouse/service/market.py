"""Routes for market data: quotes and bars come in; states, chains and bars go out."""

import io
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from fractions import Fraction
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec
import polars as pl
from litestar import MediaType, Request, Response, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET

from wheelhouse.advisor.market import Batch, Ingested
from wheelhouse.errors import InvalidInput
from wheelhouse.market.events import Dividend, Earnings, Split, Terms
from wheelhouse.market.frames import BAR_REQUIRED, BAR_SCHEMA, QUOTE_REQUIRED, QUOTE_SCHEMA, conform
from wheelhouse.market.instruments import (
    Deliverable,
    Evidence,
    Exercise,
    OptionContract,
    Right,
    Settlement,
    SettlementTime,
    contract_from_osi,
    is_option_symbol,
    normalize_symbol,
    parse_osi,
)
from wheelhouse.service.auth import require_admin
from wheelhouse.service.chains import render_chain
from wheelhouse.service.context import Injected
from wheelhouse.service.market_shapes import (
    BarOut,
    BarsIn,
    BarsOut,
    ChainOut,
    DividendIn,
    EarningsIn,
    IngestedOut,
    InstrumentIn,
    InstrumentsIn,
    InstrumentsOut,
    MarketOut,
    QuotesIn,
    RegimeOut,
    RejectionOut,
    SplitIn,
    SurfaceOut,
    TermsIn,
    TermsOut,
)
from wheelhouse.service.paging import Cursor, Limit, decode_cursor, encode_cursor
from wheelhouse.service.problems import ProblemError
from wheelhouse.service.requests import ACCEPTS_ARROW, ARROW_MEDIA_TYPE
from wheelhouse.service.shapes import decimal_of, parse_instant
from wheelhouse.service.surfaces import surface_out

_BARS_LIMIT = 1000
Interval = Literal["1d", "1m"]
Replace = Annotated[bool, QueryParameter(name="replace", description="overwrite stored values that differ; admin")]


@post(
    "/v1/market/quotes",
    status_code=HTTPStatus.OK,
    summary="Take quotes in",
    tags=["market"],
    opt={ACCEPTS_ARROW: True},
)
async def post_quotes(
    request: Request[Any, Any, Any], data: JSONBody[QuotesIn], services: Injected, replace_conflicts: Replace = False
) -> IngestedOut:
    """Judge each quote, store the good ones, and value what changed before answering."""
    if replace_conflicts:
        require_admin(request, "?replace=true")
    if _is_arrow(request):
        batch = _dated(Batch(frame=_arrow(await request.body(), QUOTE_SCHEMA, QUOTE_REQUIRED)))
    else:
        batch = _batch(_listed(data.quotes, "quotes"), QUOTE_SCHEMA, QUOTE_REQUIRED)
    simulated = services.advisor.clock.kind == "simulated"
    done = await services.blocking(
        services.advisor.market.ingest_quotes,
        batch,
        evidence=Evidence.SIMULATED if simulated else Evidence.LIVE,
        replace_conflicts=replace_conflicts,
    )
    return _ingested(done)


@post("/v1/market/bars", status_code=HTTPStatus.OK, summary="Take bars in", tags=["market"], opt={ACCEPTS_ARROW: True})
async def post_bars(
    request: Request[Any, Any, Any],
    data: JSONBody[BarsIn],
    services: Injected,
    replace_conflicts: Replace = False,
    interval: Annotated[Interval | None, QueryParameter(description="of an Arrow stream; JSON names it itself")] = None,
) -> IngestedOut:
    """Judge each bar and store the good ones."""
    if replace_conflicts:
        require_admin(request, "?replace=true")
    if _is_arrow(request):
        batch = _dated(Batch(frame=_arrow(await request.body(), BAR_SCHEMA, BAR_REQUIRED)))
        wanted: Interval = interval or "1d"
    else:
        wanted = data.interval
        batch = _batch(_listed(data.bars, "bars"), BAR_SCHEMA, BAR_REQUIRED, instant=_bar_instant)
    done = await services.blocking(
        services.advisor.market.ingest_bars, batch, interval=wanted, replace_conflicts=replace_conflicts
    )
    return _ingested(done)


@put("/v1/market/{symbol:str}/terms", summary="Replace an underlying's terms", tags=["market"])
async def put_terms(symbol: FromPath[str], data: JSONBody[TermsIn], services: Injected) -> TermsOut:
    """Replace what prices an underlying's options beside its quote."""
    terms = await services.blocking(services.advisor.market.put_terms, symbol, _terms(data))
    return _terms_out(normalize_symbol(symbol), terms)


@put("/v1/market/instruments", summary="Put contracts that differ from their symbols", tags=["market"])
async def put_instruments(data: JSONBody[InstrumentsIn], services: Injected) -> InstrumentsOut:
    """Store contracts of adjusted series and others that their symbols do not describe."""
    contracts = [_contract(item) for item in data.instruments]
    await services.blocking(services.advisor.market.put_instruments, contracts)
    return InstrumentsOut(instruments=[contract.symbol for contract in contracts])


@get("/v1/market/{symbol:str}", summary="An underlying's spot and its age", tags=["market"])
async def get_market(symbol: FromPath[str], services: Injected) -> MarketOut:
    """Give the latest spot, of an option the middle of its quote; 404 for a symbol of which nothing is known."""
    desk = services.advisor.market
    quote = desk.quote(normal) if is_option_symbol(normal := normalize_symbol(symbol)) else None
    if quote is not None:
        fresh, seconds = desk.age(quote.ts)
        return MarketOut(
            symbol=quote.symbol,
            spot=quote.mark,
            bid=quote.bid,
            ask=quote.ask,
            as_of=quote.ts.astimezone(UTC),
            age_seconds=seconds,
            state="fresh" if fresh else "stale",
            evidence=quote.evidence.value,
        )
    snapshot = desk.snapshot(symbol)
    state, age = desk.state(symbol)
    return MarketOut(
        symbol=snapshot.symbol,
        spot=snapshot.spot,
        bid=snapshot.bid,
        ask=snapshot.ask,
        as_of=snapshot.as_of,
        age_seconds=age,
        state=state,
        evidence=None if snapshot.evidence is None else snapshot.evidence.value,
    )


@get("/v1/market/{symbol:str}/chain", summary="The valued option chain", tags=["market"])
async def get_chain(
    symbol: FromPath[str], services: Injected, expiry: FromQuery[date | None] = None
) -> Response[ChainOut]:
    """Give the chain as it was valued when its quotes arrived."""
    snapshot = services.advisor.market.snapshot(symbol)
    body = render_chain(snapshot, expiry)
    # The bytes are the JSON of a ChainOut already, made once for each snapshot.
    return Response(body, media_type=MediaType.JSON)  # type: ignore[arg-type]


@get("/v1/market/{symbol:str}/bars", summary="Bars", tags=["market"])
async def get_bars(
    symbol: FromPath[str],
    services: Injected,
    start: FromQuery[str | None] = None,
    end: FromQuery[str | None] = None,
    interval: FromQuery[Interval] = "1d",
    limit: Limit = _BARS_LIMIT,
    cursor: Cursor = None,
) -> BarsOut:
    """Give bars, oldest first; `start` inclusive, `end` exclusive."""
    place = decode_cursor(cursor)
    first = None if start is None else parse_instant(start, pointer="start")
    last = None if end is None else parse_instant(end, pointer="end")
    if place is not None:
        first = parse_instant(place, pointer="cursor")
    frame = await services.blocking(services.advisor.market.bars, symbol, interval, first, last, limit + 1)
    rows = list(frame.iter_rows(named=True))
    following = encode_cursor(rows[limit]["ts"].isoformat()) if len(rows) > limit else None
    return BarsOut(
        symbol=normalize_symbol(symbol),
        bars=[_bar(row, daily=interval == "1d") for row in rows[:limit]],
        next_cursor=following,
    )


@get("/v1/market/{symbol:str}/surface", summary="Volatility surface", tags=["market"])
async def get_surface(symbol: FromPath[str], services: Injected) -> SurfaceOut:
    """Give the surface of the latest chain, fitted once for each snapshot, with the arbitrage that is left in it."""
    return surface_out(await services.blocking(services.advisor.surfaces.surface, symbol))


@get("/v1/market/{symbol:str}/regime", summary="Volatility regime", tags=["market"])
async def get_regime(symbol: FromPath[str], services: Injected) -> RegimeOut:
    """Name the regime by what was known at the last close, with the volatility of its last 21 sessions."""
    reading = await services.blocking(services.advisor.volatility.reading, symbol)
    return RegimeOut(
        as_of=reading.as_of,
        regime=reading.regime.value,
        probabilities={regime.value: probability for regime, probability in reading.probabilities.items()},
        realized_volatility=dict(reading.realized),
        iv_rank=reading.iv_rank,
        iv_percentile=reading.iv_percentile,
    )


ROUTES = [
    post_quotes,
    post_bars,
    put_terms,
    put_instruments,
    get_market,
    get_chain,
    get_bars,
    get_surface,
    get_regime,
]


_FIRST_STAMP = datetime(1, 1, 2, tzinfo=UTC)
_LAST_STAMP = datetime(9999, 12, 30, tzinfo=UTC)


def _is_arrow(request: Request[Any, Any, Any]) -> bool:
    return request.content_type[0].lower() == ARROW_MEDIA_TYPE


def _arrow(body: bytes, schema: pl.Schema, required: tuple[str, ...]) -> pl.DataFrame:
    try:
        frame = pl.read_ipc_stream(io.BytesIO(body))
    except Exception as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"the body is not an Arrow IPC stream: {error}") from error
    return conform(frame, schema, required=required)


def _listed(records: Any, name: str) -> Sequence[msgspec.Struct]:
    if records is UNSET:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"the list {name!r} is missing")
    listed: Sequence[msgspec.Struct] = records
    return listed


def _batch(
    records: Sequence[msgspec.Struct],
    schema: pl.Schema,
    required: tuple[str, ...],
    *,
    instant: Callable[[Any, int], datetime | None] | None = None,
) -> Batch:
    """Turn records into a frame; what a record lacks is noted and stands as null in it."""
    columns: dict[str, list[Any]] = {}
    absent: dict[int, str] = {}
    for name in schema.names():
        values = [getattr(record, name) for record in records]
        if name in required:
            for row, value in enumerate(values):
                if value is UNSET:
                    values[row] = None
                    absent.setdefault(row, name)
        columns[name] = values
    if instant is not None:
        columns["ts"] = [instant(value, row) for row, value in enumerate(columns["ts"])]
    return _dated(Batch(frame=pl.DataFrame(columns, schema=schema), absent=absent))


def _dated(batch: Batch) -> Batch:
    """Blank the stamps that are no date in every time zone; their records are rejected, the others of the batch are not."""
    frame = batch.frame.with_row_index("row")
    strange = frame.filter(~pl.col("ts").is_between(_FIRST_STAMP, _LAST_STAMP)).get_column("row").to_list()
    if not strange:
        return batch
    return Batch(
        frame=batch.frame.with_columns(
            ts=pl.when(pl.col("ts").is_between(_FIRST_STAMP, _LAST_STAMP)).then(pl.col("ts"))
        ),
        absent=dict.fromkeys(strange, "a ts of the years 1 to 9999") | dict(batch.absent),
    )


def _bar_instant(value: str | None, row: int) -> datetime | None:
    return None if value is None else parse_instant(value, pointer=f"$.bars[{row}].ts")


def _ingested(done: Ingested) -> IngestedOut:
    return IngestedOut(
        accepted=done.accepted,
        duplicates=done.duplicates,
        rejected=done.rejected,
        rejections=[RejectionOut(index=it.index, rule=it.rule, detail=it.detail) for it in done.rejections],
    )


def _terms(data: TermsIn) -> Terms:
    return Terms(
        rate=data.rate,
        dividend_yield=data.dividend_yield,
        exercise=Exercise(data.exercise),
        settlement=Settlement(data.settlement),
        settlement_time=SettlementTime(data.settlement_time),
        dividends=tuple(
            Dividend(ex_date=it.ex_date, pay_date=it.pay_date, amount=decimal_of(it.amount), kind=it.kind)
            for it in data.dividends
        ),
        splits=tuple(Split(ex_date=it.ex_date, ratio=_ratio(it.ratio)) for it in data.splits),
        earnings=tuple(Earnings(date=it.date, session=it.session) for it in data.earnings),
    )


def _ratio(value: float | str) -> Fraction:
    try:
        if isinstance(value, str):
            # "3:2" is three new shares for two old ones.
            return Fraction(value.replace(":", "/"))
        return Fraction(value).limit_denominator(1000)
    except (ValueError, ZeroDivisionError) as error:
        raise InvalidInput(
            f"ratio {value!r} is no number of new shares for each old one, such as 2, 0.1 or '3:2'"
        ) from error


def _terms_out(symbol: str, terms: Terms) -> TermsOut:
    return TermsOut(
        symbol=symbol,
        rate=terms.rate,
        dividend_yield=terms.dividend_yield,
        exercise=terms.exercise.value,
        settlement=terms.settlement.value,
        settlement_time=terms.settlement_time.value,
        dividends=[
            DividendIn(ex_date=it.ex_date, pay_date=it.pay_date, amount=float(it.amount), kind=it.kind)
            for it in terms.dividends
        ],
        splits=[SplitIn(ex_date=it.ex_date, ratio=float(it.ratio)) for it in terms.splits],
        earnings=[EarningsIn(date=it.date, session=it.session) for it in terms.earnings],
    )


def _contract(item: InstrumentIn) -> OptionContract:
    symbol = parse_osi(item.symbol)
    expiry, right = item.expiry or symbol.expiry, item.right or symbol.right.value
    if symbol.expiry != expiry or symbol.right.value != right:
        raise InvalidInput(f"{symbol.text!r}: expiry {expiry} and right {right!r} must be those of the symbol")
    standard = contract_from_osi(symbol.text)
    underlying = standard.underlying if item.underlying is None else normalize_symbol(item.underlying)
    deliverable = (
        Deliverable(shares=((underlying, 100),))
        if item.deliverable is None
        else Deliverable(
            shares=tuple((normalize_symbol(name), shares) for name, shares in item.deliverable.shares.items()),
            cash=decimal_of(item.deliverable.cash),
        )
    )
    return OptionContract(
        symbol=symbol.text,
        underlying=underlying,
        expiry=expiry,
        last_trading_day=item.last_trading_day or standard.last_trading_day,
        strike=symbol.strike if item.strike is None else decimal_of(item.strike),
        right=Right(right),
        exercise=Exercise(item.exercise),
        premium_multiplier=item.premium_multiplier,
        exercise_multiplier=item.exercise_multiplier,
        deliverable=deliverable,
    )


def _bar(row: Mapping[str, Any], *, daily: bool) -> BarOut:
    ts: datetime = row["ts"].astimezone(UTC)
    return BarOut(
        ts=ts.date().isoformat() if daily else ts.isoformat().replace("+00:00", "Z"),
        open=row["open"],
        high=row["high"],
        low=row["low"],
        close=row["close"],
        volume=row["volume"],
        adjusted_close=row["adjusted_close"],
    )
