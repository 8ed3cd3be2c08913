"""The contract on an adapter in this process, and each of its tests on an adapter that breaks what it asks for."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from seatrial.errors import ConfigurationError, TargetFailure
from seatrial.target.records import (
    About,
    Account,
    AccountPosition,
    Bar,
    DataState,
    Exposure,
    Health,
    HealthCheck,
    IngestResult,
    LedgerEvent,
    Margin,
    MarketState,
    Order,
    Performance,
    Preview,
    Reason,
    Recommendation,
    Recommendations,
    Rejection,
    Risk,
)
from seatrial.target.testing import TargetContract, entered, untrue
from seatrial.target.wheelhouse import WheelhouseTarget

NOW = datetime(2013, 3, 1, 15, 45, tzinfo=UTC)


class ToyBroker:
    """The smallest system with books: it fills every order at its limit."""

    symbols = ("AAPL", "IBM")
    lacks = frozenset({"control", "http", "market.chain"})

    def __init__(self):
        self.quotes, self.accounts, self.events, self.filled, self.keys = {}, {}, {}, {}, {}

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        return None

    async def about(self):
        return About(
            system="toy",
            version="1",
            environment="development",
            broker="paper",
            now=NOW,
            session="open",
            clock="simulated",
            capabilities=("market", "books"),
        )

    async def alive(self):
        return None

    async def ready(self):
        return Health(status="ready", checks=(HealthCheck(name="books", ok=True),))

    async def metrics(self):
        return {"toy_orders_total": float(len(self.keys))}

    async def push_quotes(self, quotes):
        accepted, duplicates, rejections = 0, 0, []
        for index, quote in enumerate(quotes):
            if quote.bid > quote.ask:
                rejections.append(Rejection(index=index, rule="crossed_quote"))
            elif self.quotes.get(quote.symbol) == quote:
                duplicates += 1
            else:
                self.quotes[quote.symbol] = quote
                accepted += 1
        return IngestResult(
            accepted=accepted, duplicates=duplicates, rejected=len(rejections), rejections=tuple(rejections)
        )

    async def market(self, symbol):
        known, quote = symbol in self.symbols, self.quotes.get(symbol)
        return MarketState(
            symbol=symbol,
            spot=430.0 + len(self.keys) if known else None,
            bid=quote.bid if quote else None,
            ask=quote.ask if quote else None,
            as_of=NOW if known else None,
            age_seconds=0.0 if known else None,
            state="fresh" if known else "missing",
            evidence="simulated",
        )

    async def bars(self, symbol, *, start, end):
        day = start.date() + timedelta(days=1)
        return (Bar(ts=day, open=1.0, high=2.0, low=0.5, close=1.5, volume=10.0),)

    async def create_account(self, name, *, cash, kind="cash", positions=()):
        identifier = f"toy-{len(self.accounts) + 1}"
        self.accounts[identifier] = name
        self.events[identifier], self.filled[identifier] = [], []
        self._book(identifier, kind="cash", cash=cash)
        for position in positions:
            self._book(identifier, kind="adjustment", symbol=position.symbol, quantity=position.quantity)
        return await self.account(identifier)

    def _book(self, identifier, *, kind, cash=0.0, symbol=None, quantity=None, order_id=None):
        events = self.events[identifier]
        number = len(events) + 1
        event = LedgerEvent(
            sequence=number,
            id=f"{identifier}-{number}",
            ts=NOW,
            kind=kind,
            symbol=symbol,
            quantity=quantity,
            price=None,
            cash=cash,
            order_id=order_id,
        )
        events.append(event)

    async def account(self, account_id):
        if account_id not in self.accounts:
            raise TargetFailure(f"there is no account {account_id}", kind="status", status=404)
        events, held = self.events[account_id], {}
        for event in events:
            if event.symbol:
                held[event.symbol] = held.get(event.symbol, 0) + event.quantity
        positions = tuple(
            AccountPosition(
                symbol=symbol,
                quantity=quantity,
                mark=None,
                market_value=None,
                tax_basis=None,
                campaign_basis=None,
            )
            for symbol, quantity in held.items()
        )
        cash = sum(event.cash for event in events)
        return Account(
            id=account_id,
            name=self.accounts[account_id],
            kind="cash",
            as_of=NOW,
            cash=cash,
            equity=None,
            liquidation_equity=None,
            buying_power=cash,
            reserved=0.0,
            halted=False,
            positions=positions,
        )

    async def ledger(self, account_id, *, after_sequence=0):
        return tuple(self.events[account_id][after_sequence:])

    async def risk(self, account_id):
        exposure = Exposure(
            delta_shares=0.0,
            dollar_delta=0.0,
            beta_weighted_delta=None,
            gamma=0.0,
            theta_per_day=0.0,
            vega_per_vol_point=0.0,
        )
        margin = Margin(initial=0.0, maintenance=0.0, method="none")
        levels = {"normal": {"0.95": 0.0}}
        return Risk(as_of=NOW, exposure=exposure, margin=margin, horizon_days=1, var=levels, es=levels)

    async def performance(self, account_id):
        return Performance(**dict.fromkeys(field.name for field in dataclasses.fields(Performance)))

    async def recommendations(self, account_id, symbol=None):
        pieces = tuple(
            Recommendation(
                id=f"r{rank}",
                action="wait",
                symbol=name,
                legs=(),
                limit_price=None,
                effect=None,
                reasons=(Reason(code="toy", detail="it never advises"),),
                risk=None,
                rank=rank,
            )
            for rank, name in enumerate(self.symbols if symbol is None else (symbol,), start=1)
        )
        return Recommendations(
            as_of=NOW, recommendations=pieces, rejections={}, data=DataState(state="fresh", age_seconds=0.0)
        )

    async def preview_order(self, account_id, order):
        return Preview(
            accepted=True, reasons=(), estimated_fill=None, fees=0.0, cash_change=None, buying_power_after=None
        )

    async def submit_order(self, account_id, order, *, idempotency_key):
        if idempotency_key in self.keys:
            known, stored = self.keys[idempotency_key]
            if known != order:
                raise TargetFailure("another body under this key", kind="status", status=422)
            return stored
        stored = Order(id=f"o{len(self.keys) + 1}", status="filled", legs=order.legs)
        self.keys[idempotency_key] = (order, stored)
        self.filled[account_id].append(stored)
        for leg in order.legs:
            self._book(
                account_id,
                kind="fill",
                cash=-leg.quantity * order.limit_price,
                symbol=leg.symbol,
                quantity=leg.quantity,
                order_id=stored.id,
            )
        return stored

    async def orders(self, account_id):
        return tuple(self.filled[account_id])


class TestToyBroker(TargetContract):
    @classmethod
    def make_target(cls):
        return ToyBroker()


@pytest.mark.slow
class TestBundledTarget(TargetContract):
    @classmethod
    def make_target(cls):
        return WheelhouseTarget()


class LosesLedger(ToyBroker):
    async def ledger(self, account_id, *, after_sequence=0):
        return (await super().ledger(account_id, after_sequence=after_sequence))[1:]


class BooksTwice(ToyBroker):
    async def submit_order(self, account_id, order, *, idempotency_key):
        return await super().submit_order(account_id, order, idempotency_key=f"{idempotency_key}{len(self.keys)}")


class PreviewWrites(ToyBroker):
    async def preview_order(self, account_id, order):
        await super().submit_order(account_id, order, idempotency_key="preview")
        return await super().preview_order(account_id, order)


class CrashesOnTheUnknown(ToyBroker):
    async def market(self, symbol):
        if symbol not in self.symbols:
            raise KeyError(symbol)
        return await super().market(symbol)

    async def account(self, account_id):
        if account_id not in self.accounts:
            raise KeyError(account_id)
        return await super().account(account_id)


class SaysNan(ToyBroker):
    async def risk(self, account_id):
        return dataclasses.replace(await super().risk(account_id), horizon_days=float("nan"))


class NaiveClock(ToyBroker):
    async def about(self):
        return dataclasses.replace(await super().about(), now=NOW.replace(tzinfo=None))


class TakesEverything(ToyBroker):
    async def push_quotes(self, quotes):
        return IngestResult(accepted=len(quotes), duplicates=0, rejected=0)


class NotACoroutine(ToyBroker):
    def alive(self):
        return None


class Undeclared(ToyBroker):
    lacks = frozenset({"control", "http"})


class DeclaresNonsense(ToyBroker):
    lacks = frozenset({"control", "http", "market.chains"})


class NegativeRisk(ToyBroker):
    async def risk(self, account_id):
        return dataclasses.replace(await super().risk(account_id), var={"normal": {"0.95": -1.0}})


class SilentAdvice(ToyBroker):
    async def recommendations(self, account_id, symbol=None):
        advice = await super().recommendations(account_id, symbol)
        pieces = tuple(dataclasses.replace(piece, reasons=()) for piece in advice.recommendations)
        return dataclasses.replace(advice, recommendations=pieces)


@pytest.mark.parametrize(
    ("broken", "test", "error"),
    [
        (LosesLedger, "test_the_ledger_explains_an_account", AssertionError),
        (BooksTwice, "test_an_order_is_submitted_once_for_one_key", AssertionError),
        (PreviewWrites, "test_a_preview_writes_nothing", AssertionError),
        (CrashesOnTheUnknown, "test_an_unknown_symbol_is_no_error_of_ours", KeyError),
        (CrashesOnTheUnknown, "test_an_unknown_account_is_a_failure_of_the_target", KeyError),
        (SaysNan, "test_risk_counts_losses_as_positive", AssertionError),
        (NegativeRisk, "test_risk_counts_losses_as_positive", AssertionError),
        (NaiveClock, "test_says_what_it_is", AssertionError),
        (TakesEverything, "test_a_pushed_quote_is_read_back", AssertionError),
        (TakesEverything, "test_a_bad_quote_is_rejected_with_its_index_and_rule", AssertionError),
        (NotACoroutine, "test_has_every_method_that_it_does_not_lack", AssertionError),
        (Undeclared, "test_has_every_method_that_it_does_not_lack", AssertionError),
        (DeclaresNonsense, "test_declares_its_symbols_and_what_it_lacks", AssertionError),
        (SilentAdvice, "test_advice_says_why_and_is_ranked", AssertionError),
    ],
)
async def test_an_adapter_that_breaks_the_protocol_fails(broken, test, error):
    with pytest.raises(error):
        await getattr(TargetContract(), test)(broken())
    # The same test passes on the adapter that keeps it.
    await getattr(TargetContract(), test)(ToyBroker())


def test_what_is_declared_lacking_is_skipped(pytestconfig):
    with pytest.raises(pytest.skip.Exception, match=r"lacks market\.chain"):
        TargetContract().test_a_chain_is_in_order(ToyBroker()).send(None)


def test_it_has_to_be_said_how_to_make_the_target():
    with pytest.raises(NotImplementedError, match="make_target"):
        TargetContract().make_target()


async def test_section_10_a_system_that_trades_for_real_is_refused():
    class Live(ToyBroker):
        async def about(self):
            return dataclasses.replace(await super().about(), broker="live")

    with pytest.raises(ConfigurationError, match="only 'paper' is allowed"):
        async with entered(Live()):
            pass


def test_what_no_record_may_hold_is_found_with_its_place():
    bar = Bar(ts=NOW.replace(tzinfo=None), open=float("inf"), high=1.0, low=1.0, close=1.0, volume=1.0)
    assert [words.split(" is ")[0] for words in untrue((bar, {"a": float("nan")}))] == [
        "[0].ts",
        "[0].open",
        "[1]['a']",
    ]
    assert list(untrue(NOW)) == []
