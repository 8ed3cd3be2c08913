"""What holds for every history: sums, conservation to the cent, idempotence, and that increments make the fold."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.ledger.account import AccountState, apply, apply_all, fold
from wheelhouse.ledger.booking import (
    book_assignment,
    book_cash,
    book_dividend,
    book_exercise,
    book_expiry,
    book_fill,
    open_account,
)
from wheelhouse.ledger.corporate_actions import book_special_dividend, book_split
from wheelhouse.ledger.events import EventKind, LedgerEvent, sequenced
from wheelhouse.ledger.orders import Fill
from wheelhouse.market.events import Dividend, Split
from wheelhouse.market.instruments import OptionContract, Position

START = datetime(2013, 3, 1, 15, 0, tzinfo=UTC)
TRADED = (
    "XYZ",
    "ABC",
    "XYZ   130316P00050000",
    "XYZ   130316P00045000",
    "XYZ   130316C00055000",
    "ABC   130316C00020000",
)
CENTS = st.integers(0, 9_999).map(lambda c: Decimal(c) / 100)
FEES = st.sampled_from([Decimal("0.00"), Decimal("0.65"), Decimal("1.30"), Decimal("0.01")])
RATIOS = st.sampled_from([Fraction(2), Fraction(3), Fraction(1, 10), Fraction(3, 2), Fraction(1, 7)])

ACTIONS = st.one_of(
    st.tuples(
        st.just("fill"),
        st.sampled_from(TRADED),
        st.integers(-7, 7).filter(bool),
        CENTS,
        FEES,
        st.sampled_from(["o1", "o2", None]),
    ),
    st.tuples(st.just("settle"), st.integers(0, 20), st.integers(1, 7), FEES),
    st.tuples(st.just("expire"), st.integers(0, 20), st.integers(1, 7)),
    st.tuples(st.just("dividend"), st.sampled_from(["XYZ", "ABC"]), CENTS),
    st.tuples(st.just("special"), st.sampled_from(["XYZ", "ABC"]), st.integers(1, 8)),
    st.tuples(st.just("split"), st.sampled_from(["XYZ", "ABC"]), RATIOS, st.none() | CENTS),
    st.tuples(
        st.just("cash"),
        st.sampled_from([EventKind.CASH, EventKind.FEE, EventKind.INTEREST]),
        st.integers(-9_999, 9_999),
        st.sampled_from([None, "XYZ"]),
    ),
    st.tuples(st.just("adjust"), st.sampled_from(TRADED), st.integers(-5, 5).filter(bool), st.none() | CENTS),
)
OPENINGS = st.lists(
    st.tuples(st.sampled_from(TRADED), st.integers(-5, 5).filter(bool), st.none() | CENTS),
    max_size=3,
    unique_by=lambda opening: opening[0],
)


def write(openings, actions) -> tuple[list[LedgerEvent], AccountState, dict[str, OptionContract]]:
    """Turn drawn actions into a history that the builders accept."""
    contracts: dict[str, OptionContract] = {}
    positions = [Position(symbol=s, quantity=q * (1 if len(s) > 3 else 37), cost_basis=p) for s, q, p in openings]
    events: list[LedgerEvent] = []
    state = AccountState(account_id="a1")

    def append(made) -> None:
        nonlocal state
        numbered = sequenced(made, state.sequence)
        events.extend(numbered)
        state = apply_all(state, numbered, contracts)

    append(open_account("a1", ts=START, cash=Decimal("50000.00"), positions=positions))
    for place, action in enumerate(actions):
        append(events_of(state, contracts, place, START + timedelta(minutes=place), action))
    return events, state, contracts


def events_of(state, contracts, place: int, ts: datetime, action) -> tuple[LedgerEvent, ...]:
    name = f"x{place}"
    options = sorted(symbol for symbol in state.positions if len(symbol) == 21)
    match action:
        case ("fill", symbol, quantity, price, fee, order_id):
            shares = quantity * 37 if len(symbol) == 3 else quantity
            made = Fill(id=name, ts=ts, symbol=symbol, quantity=shares, price=price, fee=fee)
            return book_fill("a1", order_id or name, made, contracts)
        case ("settle", pick, count, fee) if options:
            symbol = options[pick % len(options)]
            held = state.quantity(symbol)
            book = book_exercise if held > 0 else book_assignment
            return book(
                state,
                symbol,
                ts=ts,
                external_id=name,
                contracts=contracts,
                quantity=min(count, abs(held)),
                fee=fee,
                settlement_price=Decimal(50),
            )
        case ("expire", pick, count) if options:
            symbol = options[pick % len(options)]
            return book_expiry(state, symbol, ts=ts, external_id=name, quantity=min(count, abs(state.quantity(symbol))))
        case ("dividend", symbol, amount):
            return book_dividend(state, symbol, per_share=amount, ts=ts, external_id=name)
        case ("special", symbol, amount):
            dividend = Dividend(
                ex_date=date(2013, 3, 1) + timedelta(days=place), amount=Decimal(amount), kind="special"
            )
            if any(Decimal(int(o[13:])) / 1000 <= amount for o in options):
                return ()
            changed = book_special_dividend(state, symbol, dividend, ts=ts, contracts=contracts)
            contracts.update(changed.contracts)
            return changed.events
        case ("split", symbol, ratio, price):
            split = Split(ex_date=date(2013, 3, 1) + timedelta(days=place), ratio=ratio)
            changed = book_split(state, symbol, split, ts=ts, contracts=contracts, share_price=price)
            contracts.update(changed.contracts)
            return changed.events
        case ("cash", kind, amount, symbol):
            return book_cash(
                state,
                Decimal(amount) / 100,
                ts=ts,
                external_id=name,
                kind=kind,
                symbol=symbol if kind == "fee" else None,
            )
        case ("adjust", symbol, quantity, price):
            return (
                LedgerEvent(
                    id=name,
                    account_id="a1",
                    ts=ts,
                    kind=EventKind.RECONCILIATION,
                    symbol=symbol,
                    quantity=quantity,
                    price=price,
                    external_id=name,
                ),
            )
    return ()


HISTORIES = st.builds(write, OPENINGS, st.lists(ACTIONS, max_size=14))


@settings(max_examples=100, deadline=None)
@given(HISTORIES)
def test_sums_of_events_are_cash_and_positions(history):
    events, state, _ = history
    quantities: dict[str, int] = defaultdict(int)
    for event in events:
        if event.symbol is not None:
            quantities[event.symbol] += event.quantity
    assert state.cash == sum(event.cash for event in events)
    assert {s: p.quantity for s, p in state.positions.items()} == {s: q for s, q in quantities.items() if q}
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert len({event.id for event in events}) == len(events)


@settings(max_examples=100, deadline=None)
@given(HISTORIES)
def test_every_cent_is_accounted_for(history):
    _, state, _ = history
    assert state.imbalance == 0
    assert state.in_transit == {}
    for position in state.positions.values():
        assert len({lot.quantity > 0 for lot in position.lots}) == 1
        assert all(lot.quantity for lot in position.lots)
        for lot in position.lots:
            assert lot.cost % Decimal("0.01") == 0


@settings(max_examples=100, deadline=None)
@given(HISTORIES)
def test_increments_batches_and_replays_make_the_fold(history):
    events, state, contracts = history
    whole = fold(events, contracts)
    assert whole == state
    one_by_one = AccountState(account_id="a1")
    for event in events:
        one_by_one = apply(apply(one_by_one, event, contracts), event, contracts)
    assert one_by_one == whole
    assert apply_all(whole, events, contracts) == whole


@settings(max_examples=100, deadline=None)
@given(HISTORIES)
def test_cycles_are_open_exactly_where_something_is_held(history):
    _, state, _ = history
    assert set(state.campaigns) == {position.underlying for position in state.positions.values()}
    assert all(campaign.closed_at is not None for campaign in state.closed_campaigns)


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTIONS.filter(lambda a: a[0] in ("fill", "settle", "expire", "dividend", "special")), max_size=14))
def test_profits_of_cycles_add_up_to_what_was_realised(actions):
    """By the tax cost a premium waits in the shares; once all is flat the two ways of counting agree."""
    _, state, contracts = write([], actions)
    closing = []
    for place, (symbol, position) in enumerate(sorted(state.positions.items())):
        made = Fill(id=f"c{place}", ts=START, symbol=symbol, quantity=-position.quantity, price=Decimal(1))
        closing += book_fill("a1", f"c{place}", made, contracts)
    flat = apply_all(state, sequenced(closing, state.sequence), contracts)
    assert flat.positions == {}
    assert sum(campaign.profit for campaign in flat.closed_campaigns) == flat.realized
    assert flat.cash == Decimal(50_000) + flat.realized + flat.dividends


@settings(max_examples=60, deadline=None)
@given(HISTORIES)
def test_the_books_do_not_remember_how_the_state_was_written(history):
    """Copies of a state share nothing that a later event could change."""
    events, state, contracts = history
    before = replace(state, positions=dict(state.positions), campaigns=dict(state.campaigns))
    cash = LedgerEvent(
        id="late",
        account_id="a1",
        ts=START,
        kind=EventKind.FILL,
        symbol="XYZ",
        quantity=3,
        cash=Decimal("-3.00"),
        sequence=len(events) + 1,
    )
    apply(state, cash, contracts)
    assert state == before
