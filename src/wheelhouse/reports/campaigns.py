"""Cycles of an account as a report shows them, and the flows that its performance must not count."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from wheelhouse.ledger.account import AccountState
from wheelhouse.ledger.campaigns import Campaign
from wheelhouse.ledger.contracts import Contracts, multiplier_of
from wheelhouse.ledger.events import EventKind, LedgerEvent
from wheelhouse.ledger.money import ZERO, cents


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignReport:
    """One cycle from flat to flat, or the open one so far. USD.

    Attributes
    ----------
    closed_at
        None while it is open; profit is then what has been realised of it.
    profit
        Premium plus share profit, after fees; None if something of unknown cost was closed.
    dividends
        Apart from the profit.
    days
        Calendar days from opening to closing; None while open.
    """

    underlying: str
    opened_at: datetime
    closed_at: datetime | None
    profit: Decimal | None
    premium: Decimal
    share_profit: Decimal
    dividends: Decimal
    days: int | None


def campaign_reports(state: AccountState) -> tuple[CampaignReport, ...]:
    """All cycles of an account: ended ones in the order of their ends, then open ones by underlying."""
    running = (campaign for _, campaign in sorted(state.campaigns.items()))
    return tuple(_report(campaign) for campaign in (*state.closed_campaigns, *running))


def closed_profits(state: AccountState) -> tuple[float, ...]:
    """Profits of the ended cycles whose profit is known, USD, for win rate and profit factor by campaign."""
    return tuple(float(campaign.profit) for campaign in state.closed_campaigns if campaign.profit is not None)


def flows_by_day(
    events: Iterable[LedgerEvent], day_of: Callable[[datetime], date], contracts: Contracts
) -> dict[date, Decimal]:
    """Add up what came into or left an account from outside, by day.

    Deposits and withdrawals count with their cash, positions that came or went without a trade with their price. Opening cash and
    positions are among them: as the flow of the first date they are part of the initial equity.

    Parameters
    ----------
    day_of
        Names the session that an instant belongs to.
    """
    flows: dict[date, Decimal] = defaultdict(lambda: ZERO)
    for event in events:
        amount = ZERO
        if event.kind is EventKind.CASH:
            amount = event.cash
        elif event.kind in (EventKind.ADJUSTMENT, EventKind.RECONCILIATION):
            amount = event.cash
            if event.symbol is not None and event.price is not None:
                amount += cents(event.quantity * event.price * multiplier_of(event.symbol, contracts))
        if amount:
            flows[day_of(event.ts)] += amount
    return dict(flows)


def _report(campaign: Campaign) -> CampaignReport:
    return CampaignReport(
        underlying=campaign.underlying,
        opened_at=campaign.opened_at,
        closed_at=campaign.closed_at,
        profit=campaign.profit,
        premium=campaign.premium,
        share_profit=campaign.share_profit,
        dividends=campaign.dividends,
        days=None if campaign.closed_at is None else (campaign.closed_at - campaign.opened_at).days,
    )
