"""Which reports of earnings and ex-dates lie ahead of an option.

Earnings that are not in the terms are unknown, which is not the same as none; dividends that are not in the terms are taken for none,
because terms list them as they are declared.
"""

from datetime import date, datetime, time

from wheelhouse.market.calendar import NEW_YORK, new_york_date
from wheelhouse.market.events import Dividend, Earnings, Terms

_OPEN = time(9, 30)


def next_earnings(terms: Terms, now: datetime) -> Earnings | None:
    """Give the next report that is not out yet; None if none is known.

    A report before the open of today is out once the session has opened; one at an unknown time of today may still come.
    """
    today = new_york_date(now)
    opened = now.astimezone(NEW_YORK).time() >= _OPEN
    ahead = [e for e in terms.earnings if e.date > today or (e.date == today and not (e.session == "bmo" and opened))]
    return min(ahead, key=lambda e: e.date, default=None)


def earnings_through(terms: Terms, last_trading_day: date, now: datetime) -> Earnings | None:
    """Give the next report if an option that last trades on this day lives through it.

    A report after the close of the last trading day counts: holders decide on exercise after it.
    """
    report = next_earnings(terms, now)
    return report if report is not None and report.date <= last_trading_day else None


def next_dividend(terms: Terms, now: datetime) -> Dividend | None:
    """Give the next dividend that a buyer of today would receive: its ex-date lies after today."""
    today = new_york_date(now)
    return min((d for d in terms.dividends if d.ex_date > today), key=lambda d: d.ex_date, default=None)


def dividends_through(terms: Terms, expiry: date, now: datetime) -> tuple[Dividend, ...]:
    """List the dividends whose ex-date lies after today and on or before an expiry, by ex-date.

    Special dividends are left out: they cut the strikes, so nobody exercises for them.
    """
    today = new_york_date(now)
    due = (d for d in terms.dividends if today < d.ex_date <= expiry and d.kind == "ordinary")
    return tuple(sorted(due, key=lambda d: d.ex_date))
