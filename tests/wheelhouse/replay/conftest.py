import pytest

from wheelhouse.feeds.sample import SampleMarket
from wheelhouse.market.calendar import TradingCalendar, nyse


@pytest.fixture(scope="session")
def calendar() -> TradingCalendar:
    return nyse(2023)


@pytest.fixture(scope="session")
def sample(calendar: TradingCalendar) -> SampleMarket:
    return SampleMarket(calendar)
