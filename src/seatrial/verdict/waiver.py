"""A waiver: a known failure that somebody answers for, until a day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from seatrial.errors import ConfigurationError

__all__ = ["Waiver", "active_waiver", "expired_waiver"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """Who accepts which failure, why, and until when.

    Parameters
    ----------
    id
        The id of a check or of an objective.
    owner, reason
        Neither may be blank.
    expires
        The last UTC day on which the waiver holds; it ends with that day.

    Raises
    ------
    ConfigurationError
        Owner or reason is blank.
    """

    id: str
    owner: str
    reason: str
    expires: date

    def __post_init__(self) -> None:
        for name, value in (("id", self.id), ("owner", self.owner), ("reason", self.reason)):
            if not value.strip():
                raise ConfigurationError(
                    f"waiver of {self.id!r}: {name} is blank; a waiver needs an owner and a reason"
                )

    def is_active(self, today: date) -> bool:
        """Whether the waiver still holds on ``today``, a UTC day."""
        return today <= self.expires

    def __str__(self) -> str:
        return f"waived by {self.owner} until {self.expires.isoformat()}: {self.reason}"


def active_waiver(waivers: Iterable[Waiver], identifier: str, today: date) -> Waiver | None:
    """The waiver of ``identifier`` that holds on ``today`` and lasts longest, or ``None``."""
    held = [w for w in waivers if w.id == identifier and w.is_active(today)]
    return max(held, key=lambda w: w.expires, default=None)


def expired_waiver(waivers: Iterable[Waiver], identifier: str, today: date) -> Waiver | None:
    """The last waiver of ``identifier`` that has run out by ``today``, or ``None``."""
    gone = [w for w in waivers if w.id == identifier and not w.is_active(today)]
    return max(gone, key=lambda w: w.expires, default=None)
