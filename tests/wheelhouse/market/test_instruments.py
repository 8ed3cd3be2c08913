from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.errors import InvalidInput
from wheelhouse.market.instruments import (
    Deliverable,
    MalformedSymbol,
    OptionContract,
    OsiSymbol,
    Right,
    contract_from_osi,
    format_osi,
    is_option_symbol,
    normalize_symbol,
    parse_osi,
    underlying_of,
    underlying_of_root,
    usual_last_trading_day,
)

osi_symbols = st.builds(
    OsiSymbol,
    root=st.from_regex(r"[A-Z][A-Z0-9]{0,5}", fullmatch=True),
    expiry=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    right=st.sampled_from(Right),
    strike=st.integers(1, 10**8 - 1).map(lambda n: Decimal(n).scaleb(-3)),
)


@given(osi_symbols)
@settings(max_examples=100)
def test_a_symbol_survives_being_written_and_read(symbol: OsiSymbol):
    assert len(symbol.text) == 21
    assert parse_osi(symbol.text) == symbol == parse_osi(symbol.compact)
    assert normalize_symbol(symbol.compact) == symbol.text
    assert format_osi(symbol.root, symbol.expiry, symbol.right, symbol.strike) == symbol.text


def test_strike_is_exact():
    assert parse_osi("XYZ   250117C00001005").strike == Decimal("1.005")
    assert format_osi("XYZ", date(2025, 1, 17), Right.CALL, Decimal("1.005")) == "XYZ   250117C00001005"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "AAPL 250117",
        "AAPL  250117X00150000",
        "AAPL  250230C00150000",
        "AAPL  250117C00000000",
        "TOOLONG250117C00150000",
        "AAPL  250117C0015000",
        "123",
        "A B",
        "AAPL;",
        "ÄPPL",
        "AAPL  ٢50117C00150000",
    ],
)
def test_malformed_symbols_are_refused_with_the_symbol_in_the_message(text: str):
    assert not is_option_symbol(text)
    with pytest.raises(MalformedSymbol) as caught:
        normalize_symbol(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("strike", ["0", "-1", "1.0005", "100000"])
def test_strikes_that_do_not_fit_are_refused(strike: str):
    with pytest.raises(MalformedSymbol, match="strike"):
        format_osi("XYZ", date(2025, 1, 17), Right.PUT, Decimal(strike))


@pytest.mark.parametrize(
    ("given_", "normal"),
    [("aapl", "AAPL"), ("BRK.B", "BRK.B"), (" ibm ", "IBM"), ("^SPX", "^SPX"), ("SYMBOL00042", "SYMBOL00042")],
)
def test_equity_symbols_are_capitals(given_: str, normal: str):
    assert normalize_symbol(given_) == normal
    assert not is_option_symbol(given_)


def test_underlying_of_adjusted_and_index_roots():
    assert underlying_of_root("AAPL1") == "AAPL"
    assert underlying_of_root("SPXW") == "SPX"
    assert underlying_of("msft 050122C00027500") == "MSFT"
    assert underlying_of("MSFT") == "MSFT"


def test_a_contract_follows_from_its_symbol():
    contract = contract_from_osi("AAPL140419P00500000")
    assert contract.symbol == "AAPL  140419P00500000"
    assert (contract.expiry, contract.last_trading_day) == (date(2014, 4, 19), date(2014, 4, 17))
    assert contract.premium_multiplier == contract.exercise_multiplier == 100
    assert contract.deliverable == Deliverable(shares=(("AAPL", 100),))
    assert contract.is_standard


def test_adjusted_series_and_other_deliverables_are_not_standard():
    assert not contract_from_osi("AAPL1 140419P00500000").is_standard
    reverse_split = OptionContract(
        symbol="XYZ   140419P00005000",
        underlying="XYZ",
        expiry=date(2014, 4, 19),
        last_trading_day=date(2014, 4, 17),
        strike=Decimal(5),
        right=Right.PUT,
        deliverable=Deliverable(shares=(("XYZ", 10),)),
    )
    assert not reverse_split.is_standard


def test_impossible_contracts_are_refused():
    with pytest.raises(InvalidInput, match="last trading day"):
        contract_from_osi("XYZ   140419P00005000", last_trading_day=lambda _: date(2014, 4, 20))


@pytest.mark.parametrize(
    ("expiry", "last"),
    [
        (date(2000, 4, 22), date(2000, 4, 20)),
        (date(2003, 4, 19), date(2003, 4, 17)),
        (date(2008, 3, 22), date(2008, 3, 20)),
        (date(2013, 3, 16), date(2013, 3, 15)),
        (date(2019, 4, 18), date(2019, 4, 18)),
    ],
)
def test_last_trading_day_without_a_calendar(expiry: date, last: date):
    assert usual_last_trading_day(expiry) == last
