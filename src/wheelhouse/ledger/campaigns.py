"""A campaign: one cycle of the wheel on one underlying, from flat to flat."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from wheelhouse.ledger.money import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What a cycle has earned so far.

    Attributes
    ----------
    closed_at
        When shares and options of the underlying were flat again, None while they are not.
    closing_order
        The order that flattened it, so that the next leg of the same order continues the cycle: a roll does not end it.
    premium
        Net premium in USD of the options that were closed, expired or assigned, after fees.
    share_profit
        Profit in USD of the shares that left, from strike to strike: premiums are not in it, fees are.
    dividends
        USD, apart from the profit.
    known
        False if the cycle closed anything of unknown cost.
    """

    underlying: str
    opened_at: datetime
    closed_at: datetime | None = None
    closing_order: str | None = None
    premium: Decimal = ZERO
    share_profit: Decimal = ZERO
    dividends: Decimal = ZERO
    known: bool = True

    @property
    def profit(self) -> Decimal | None:
        """USD without dividends; None if something of unknown cost was closed."""
        return self.premium + self.share_profit if self.known else None

    def earned(
        self, *, premium: Decimal = ZERO, shares: Decimal = ZERO, dividends: Decimal = ZERO, known: bool = True
    ) -> "Campaign":
        """Add to what the cycle has earned."""
        return replace(
            self,
            premium=self.premium + premium,
            share_profit=self.share_profit + shares,
            dividends=self.dividends + dividends,
            known=self.known and known,
        )
