"""A test class for authors of adapters: does the adapter keep the protocol, before a trial judges the system behind it?

Subclass it in a test file of your own and say how to make your target; pytest does the rest::

    from seatrial.target.testing import TargetContract

    class TestMyAdapter(TargetContract):
        @classmethod
        def make_target(cls):
            return MyAdapter()

What the adapter declares in ``lacks`` is skipped. The tests open accounts, push quotes and submit small orders: point it at a system that
may be written to; one that trades for real is refused. The adapter is entered once for the class.
"""

import asyncio
import contextlib
import inspect
import math
import uuid
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
import pytest_asyncio

from seatrial.errors import NotSupported, TargetFailure
from seatrial.target.choose import refuse_production
from seatrial.target.protocol import CAPABILITIES, Control, HttpFace, TradingSystem, has_capability
from seatrial.target.records import (
    About,
    Account,
    Chain,
    Health,
    IngestResult,
    LedgerEvent,
    Leg,
    MarketState,
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

__all__ = ["TargetContract", "entered", "untrue"]

OPENING_CASH = 1_000_000.0
AT_ONCE = 50
_CENT = 0.005


class TargetContract:
    """Subclass it, override `make_target`, and run pytest. Every test says in its name what an adapter has to keep."""

    pytestmark = pytest.mark.asyncio(loop_scope="class")

    @classmethod
    def make_target(cls) -> TradingSystem:
        """The adapter under test, not yet entered."""
        raise NotImplementedError("override make_target: return your adapter, not yet entered")

    @pytest_asyncio.fixture(scope="class", loop_scope="class")
    @classmethod
    async def target(cls) -> AsyncIterator[TradingSystem]:
        """The adapter, entered; a system that trades for real is refused."""
        async with entered(cls.make_target()) as target:
            yield target

    # -- the declaration

    async def test_declares_its_symbols_and_what_it_lacks(self, target: TradingSystem) -> None:
        """``symbols`` and ``lacks`` hold what the trial can use."""
        assert isinstance(target.symbols, tuple), f"symbols is a tuple, not {type(target.symbols).__name__}"
        assert target.symbols, "symbols names at least one underlying"
        assert all(isinstance(symbol, str) and symbol for symbol in target.symbols)
        assert isinstance(target.lacks, frozenset), f"lacks is a frozenset, not {type(target.lacks).__name__}"
        unknown = sorted(name for name in target.lacks if not _is_known(name))
        assert not unknown, f"lacks names what the protocol does not have: {unknown}; known: {sorted(CAPABILITIES)}"
        assert "operations.about" not in target.lacks, "every target has to say what it is"
        assert "operations" not in target.lacks, "every target has to say what it is"

    async def test_has_every_method_that_it_does_not_lack(self, target: TradingSystem) -> None:
        """A method is there, and a coroutine where the protocol has one, or it is declared lacking."""
        for name, protocol in CAPABILITIES.items():
            for method, wanted in vars(protocol).items():
                if method.startswith("_") or {name, f"{name}.{method}"} & target.lacks:
                    continue
                found = getattr(type(target), method, None)
                assert found is not None, f"{name}.{method} is missing; implement it, or add it to lacks"
                if inspect.iscoroutinefunction(wanted):
                    assert inspect.iscoroutinefunction(found), f"{name}.{method} has to be a coroutine: async def"

    # -- operations

    async def test_says_what_it_is(self, target: TradingSystem) -> None:
        """``about`` has a name, a version and a now with a time zone."""
        about = await target.about()
        assert isinstance(about, About)
        assert about.system
        assert about.version
        _is_true(about)

    async def test_says_that_it_lives_and_is_ready(self, target: TradingSystem) -> None:
        """``alive`` returns nothing; ``ready`` answers with its checks."""
        _needs(target, "operations.alive")
        await target.alive()
        _needs(target, "operations.ready")
        health = await target.ready()
        assert isinstance(health, Health)
        assert health.status
        _is_true(health)

    async def test_metrics_are_numbers_by_name(self, target: TradingSystem) -> None:
        """Samples by their exposition line without the value."""
        _needs(target, "operations.metrics")
        metrics = await target.metrics()
        for name, value in metrics.items():
            assert isinstance(name, str)
            assert isinstance(value, int | float), f"{name} is {value!r}, not a number"

    # -- market

    async def test_knows_the_market_of_its_symbols(self, target: TradingSystem) -> None:
        """Every symbol has a state; one with a spot has a positive one."""
        _needs(target, "market.market")
        for symbol in target.symbols:
            state = await target.market(symbol)
            assert isinstance(state, MarketState)
            assert state.symbol == symbol
            assert state.spot is None or state.spot > 0
            assert state.age_seconds is None or state.age_seconds >= 0
            assert (state.state == "missing") == (state.spot is None), f"{symbol}: {state.state}, spot {state.spot}"
            _is_true(state)

    async def test_an_unknown_symbol_is_no_error_of_ours(self, target: TradingSystem) -> None:
        """The answer is ``missing``, or a TargetFailure; never another exception."""
        _needs(target, "market.market")
        state = await _answer_or_failure(target.market("ZSNOSUCH"))
        assert state is None or state.state == "missing"

    async def test_a_chain_is_in_order(self, target: TradingSystem) -> None:
        """Symbols are OSI symbols, quotes do not cross unless flagged, greeks have their sign, the unknown is None."""
        _needs(target, "market.chain")
        chain = await target.chain(target.symbols[0])
        assert isinstance(chain, Chain)
        assert chain.symbol == target.symbols[0]
        assert chain.spot > 0
        _is_true(chain)
        for contract in chain.contracts:
            about = f"contract {contract.symbol!r}"
            assert len(contract.symbol) == 21, f"{about}: an OSI symbol has 21 characters"
            assert contract.strike > 0
            assert contract.last_trading_day <= contract.expiry, about
            if contract.bid is not None and contract.ask is not None and "crossed" not in contract.flags:
                assert 0 <= contract.bid <= contract.ask, f"{about}: {contract.bid} x {contract.ask}"
            if contract.delta is not None:
                low, high = (0, 1) if contract.right == "call" else (-1, 0)
                assert low <= contract.delta <= high, f"{about}: delta {contract.delta} of a {contract.right}"
            assert contract.implied_volatility is None or contract.implied_volatility > 0, about

    async def test_a_pushed_quote_is_read_back(self, target: TradingSystem) -> None:
        """The counts add up, the quote is there, and the same again is a duplicate."""
        _needs(target, "market.push_quotes", "market.market")
        quote = await _next_quote(target)
        first = await target.push_quotes([quote])
        assert isinstance(first, IngestResult)
        # Under a clock that stands still it may have been pushed by an earlier test.
        assert (first.accepted + first.duplicates, first.rejected) == (1, 0), first
        state = await target.market(quote.symbol)
        assert (state.bid, state.ask) == (quote.bid, quote.ask)
        again = await target.push_quotes([quote])
        assert (again.accepted, again.duplicates, again.rejected) == (0, 1, 0), again

    async def test_a_bad_quote_is_rejected_with_its_index_and_rule(self, target: TradingSystem) -> None:
        """A rejection is a result; the good quote beside it is taken."""
        _needs(target, "market.push_quotes", "market.market")
        good = await _next_quote(target)
        bad = Quote(symbol=good.symbol, ts=good.ts, bid=good.ask, ask=-1.0)
        result = await target.push_quotes([bad, good])
        assert (result.accepted + result.duplicates, result.rejected) == (1, 1), result
        assert [rejection.index for rejection in result.rejections] == [0]
        assert result.rejections[0].rule
        assert await target.push_quotes([]) == IngestResult(accepted=0, duplicates=0, rejected=0)

    async def test_bars_are_in_order_and_in_range(self, target: TradingSystem) -> None:
        """``start`` inclusive, ``end`` exclusive, by time, low to high."""
        _needs(target, "market.bars")
        end = (await target.about()).now
        start = end - timedelta(days=30)
        bars = await target.bars(target.symbols[0], start=start, end=end)
        days = [bar.ts.date() if isinstance(bar.ts, datetime) else bar.ts for bar in bars]
        assert days == sorted(days)
        assert all(start.date() <= day <= end.date() for day in days), f"{days[:1]} to {days[-1:]}"
        for bar in bars:
            assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high, bar
            assert bar.volume >= 0
            _is_true(bar)

    # -- books

    async def test_an_account_opens_with_what_it_is_given(self, target: TradingSystem) -> None:
        """Cash and positions are as given, ids differ, and it can be read back."""
        _needs(target, "books.create_account", "books.account")
        opening = OpeningPosition(symbol=target.symbols[0], quantity=100, cost_basis=50.0)
        first = await _open(target, positions=[opening])
        second = await _open(target)
        assert first.id != second.id
        for account in (first, await target.account(first.id)):
            assert account.cash == OPENING_CASH
            assert [(p.symbol, p.quantity) for p in account.positions] == [(opening.symbol, opening.quantity)]
            assert not account.halted
            _is_true(account)

    async def test_an_unknown_account_is_a_failure_of_the_target(self, target: TradingSystem) -> None:
        """TargetFailure, as for anything the system refuses; never KeyError or a client's own exception."""
        _needs(target, "books.account")
        with pytest.raises(TargetFailure):
            await target.account("no-such-account")

    async def test_the_ledger_explains_an_account(self, target: TradingSystem) -> None:
        """Sequences have no gap, cash and quantities add up to the account, and reading on starts behind a number."""
        _needs(target, "books.create_account", "books.account", "books.ledger")
        opening = OpeningPosition(symbol=target.symbols[0], quantity=100, cost_basis=50.0)
        account = await _open(target, positions=[opening])
        events = await target.ledger(account.id)
        _explains(events, await target.account(account.id))
        assert await target.ledger(account.id, after_sequence=1) == events[1:]
        assert await target.ledger(account.id, after_sequence=len(events)) == ()

    async def test_risk_counts_losses_as_positive(self, target: TradingSystem) -> None:
        """VaR and ES are losses, ES at least VaR, and an account of cash alone has no delta."""
        _needs(target, "books.create_account", "books.risk")
        account = await _open(target)
        risk = await target.risk(account.id)
        assert isinstance(risk, Risk)
        assert risk.exposure.delta_shares == 0
        _is_true(risk)
        for method, levels in risk.var.items():
            for level, var in levels.items():
                tail = risk.es.get(method, {}).get(level)
                assert var is None or var >= 0, f"{method} VaR {level} is {var}"
                assert var is None or tail is None or tail >= var - _CENT, f"{method} ES {tail} under VaR {var}"

    async def test_performance_of_a_new_account_is_not_made_up(self, target: TradingSystem) -> None:
        """What cannot be known yet is None; a drawdown is never positive."""
        _needs(target, "books.create_account", "books.performance")
        performance = await target.performance((await _open(target)).id)
        assert isinstance(performance, Performance)
        assert performance.max_drawdown is None or performance.max_drawdown <= 0
        _is_true(performance)

    # -- advice and trading

    async def test_advice_says_why_and_is_ranked(self, target: TradingSystem) -> None:
        """Reasons for each piece, legs for what trades, ranks in order."""
        _needs(target, "books.create_account", "advice.recommendations")
        account = await _open(target)
        advice = await target.recommendations(account.id)
        assert isinstance(advice, Recommendations)
        _is_true(advice)
        assert [piece.rank for piece in advice.recommendations] == sorted(p.rank for p in advice.recommendations)
        for piece in advice.recommendations:
            assert piece.reasons, f"{piece.action} {piece.symbol} says why"
            assert piece.legs or piece.action in ("hold", "wait"), f"{piece.action} {piece.symbol} has legs"
            assert piece.limit_price is None or piece.limit_price >= 0
        symbol = target.symbols[0]
        about_one = await target.recommendations(account.id, symbol)
        assert {piece.symbol for piece in about_one.recommendations} <= {symbol}

    async def test_a_preview_writes_nothing(self, target: TradingSystem) -> None:
        """The ledger and the orders are as before."""
        _needs(target, "books.create_account", "books.ledger", "trading.preview_order", "market.market")
        account = await _open(target)
        before = await target.ledger(account.id)
        preview = await target.preview_order(account.id, await _small_order(target))
        assert isinstance(preview, Preview)
        assert preview.accepted or preview.reasons, "a refusal says why"
        _is_true(preview)
        assert await target.ledger(account.id) == before

    async def test_an_order_is_submitted_once_for_one_key(self, target: TradingSystem) -> None:
        """The same key and body give the same order; another body under the key is refused; the books stay explained."""
        _needs(target, "books.create_account", "trading.submit_order", "market.market")
        account = await _open(target)
        order = await _small_order(target)
        key = str(uuid.uuid4())
        first = await target.submit_order(account.id, order, idempotency_key=key)
        assert isinstance(first, Order)
        assert first.status != "rejected" or first.reasons, "a rejection says why"
        _is_true(first)
        again = await target.submit_order(account.id, order, idempotency_key=key)
        assert again.id == first.id
        other = OrderRequest(legs=(Leg(symbol=target.symbols[0], quantity=2),), limit_price=0.01, effect="debit")
        with pytest.raises(TargetFailure):
            await target.submit_order(account.id, other, idempotency_key=key)
        if has_capability(target, "trading.orders"):
            assert [known.id for known in await target.orders(account.id)] == [first.id]
        if has_capability(target, "books.ledger") and has_capability(target, "books.account"):
            _explains(await target.ledger(account.id), await target.account(account.id))

    # -- the wire, concurrency, control

    async def test_may_be_called_from_fifty_tasks_at_once(self, target: TradingSystem) -> None:
        """Answers do not get mixed up."""
        _needs(target, "market.market")
        symbols = [target.symbols[number % len(target.symbols)] for number in range(AT_ONCE)]
        states = await asyncio.gather(*(target.market(symbol) for symbol in symbols))
        assert [state.symbol for state in states] == symbols

    async def test_a_raw_request_returns_whatever_came_back(self, target: TradingSystem) -> None:
        """A refusal is an answer here, not a failure."""
        _needs(target, "http")
        answer = await cast("HttpFace", target).raw("GET", "/no/such/route", authenticated=False)
        assert isinstance(answer, RawAnswer)
        assert 400 <= answer.status < 500

    async def test_a_killed_system_comes_back_with_what_it_acknowledged(self, target: TradingSystem) -> None:
        """Only for adapters that own the process. Last in the class, since everything before it ran on the first process."""
        _needs(target, "control", "books.create_account", "books.account")
        control = cast("Control", target)
        account = await _open(target)
        before = control.process_id
        await control.kill()
        with pytest.raises(TargetFailure):
            await target.alive()
        await control.restart()
        await target.alive()
        assert control.process_id != before
        assert (await target.account(account.id)).cash == OPENING_CASH
        assert all(path.is_file() for path in control.data_files)


@contextlib.asynccontextmanager
async def entered(target: TradingSystem) -> AsyncIterator[TradingSystem]:
    """The target, started or connected.

    Raises
    ------
    ConfigurationError
        It trades for real.
    """
    async with target:
        about = await target.about()
        refuse_production(about.environment, about.broker, about.system)
        yield target


def untrue(value: object, where: str = "") -> Iterator[str]:
    """What no record may hold, with its place: figures that are not finite, and instants without a time zone."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{where} is {value}; the unknown is None"
    elif isinstance(value, datetime):
        if value.tzinfo is None:
            yield f"{where} is {value.isoformat()}; an instant needs its time zone"
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from untrue(getattr(value, field.name), f"{where or type(value).__name__}.{field.name}")
    elif isinstance(value, tuple | list):
        for number, item in enumerate(value):
            yield from untrue(item, f"{where}[{number}]")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from untrue(item, f"{where}[{key!r}]")


def _is_true(record: object) -> None:
    found = list(untrue(record))
    assert not found, "; ".join(found[:5])


def _is_known(name: str) -> bool:
    group, _, method = name.partition(".")
    return group in CAPABILITIES and (not method or method in vars(CAPABILITIES[group]))


def _needs(target: TradingSystem, *names: str) -> None:
    """Skip where the declaration says that something is not there. What is missing undeclared fails on its own."""
    for name in names:
        if {name, name.partition(".")[0]} & target.lacks:
            pytest.skip(f"the adapter declares that it lacks {name}")


async def _answer_or_failure(call: Awaitable[Any]) -> Any:
    try:
        return await call
    except (TargetFailure, NotSupported):
        return None


async def _open(target: TradingSystem, *, positions: Sequence[OpeningPosition] = ()) -> Account:
    name = f"seatrial-contract-{uuid.uuid4().hex[:12]}"
    account = await target.create_account(name, cash=OPENING_CASH, positions=positions)
    assert isinstance(account, Account)
    assert account.name == name
    return account


async def _next_quote(target: TradingSystem) -> Quote:
    """A quote of the first symbol at the target's own now, a cent beside its spot."""
    symbol = target.symbols[0]
    spot = (await target.market(symbol)).spot or 100.0
    now = (await target.about()).now
    return Quote(symbol=symbol, ts=now, bid=round(spot - 0.01, 2), ask=round(spot + 0.01, 2))


async def _small_order(target: TradingSystem) -> OrderRequest:
    """A share at a price at which it would trade."""
    symbol = target.symbols[0]
    state = await target.market(symbol)
    price = state.ask or state.spot
    if price is None:
        pytest.skip(f"{symbol} has no price to order at")
    return OrderRequest(legs=(Leg(symbol=symbol, quantity=1),), limit_price=price, effect="debit")


def _explains(events: Sequence[LedgerEvent], account: Account) -> None:
    """The events add up to the account, without a gap."""
    assert [event.sequence for event in events] == list(range(1, len(events) + 1)), "sequences are 1, 2, 3, ..."
    assert len({event.id for event in events}) == len(events), "ids of events differ"
    cash = sum(event.cash or 0.0 for event in events)
    assert abs(cash - account.cash) < _CENT, f"events add to {cash:.2f} USD, the account has {account.cash:.2f}"
    counted: dict[str, int] = {}
    for event in events:
        if event.symbol is not None and event.quantity:
            counted[event.symbol] = counted.get(event.symbol, 0) + event.quantity
    held = {position.symbol: position.quantity for position in account.positions}
    assert {symbol: quantity for symbol, quantity in counted.items() if quantity} == held
    for event in events:
        _is_true(event)
