"""What can go wrong with a fault, drawn as a tree.

::

    SeatrialError
    └── FaultError
        ├── FaultNotPossible    this host or target cannot have it; verdict `not_assessed` with its reason
        ├── FaultNotVerified    it was tried and its effect was not seen; verdict `inconclusive`
        ├── FaultNotReleased    it could not be taken back (also a HarnessError)
        ├── AddressRefused      the address is not ours to disturb (also a ConfigurationError)
        └── ProcessRefused      the process is not ours to signal (also a HarnessError)
"""

from dataclasses import dataclass
from typing import Literal

from seatrial.errors import ConfigurationError, HarnessError, SeatrialError

Cause = Literal["privilege", "platform", "target"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why a fault cannot be had here.

    Parameters
    ----------
    reason
        One line for the report: what is missing, and where.
    cause
        Whether it is a right that we lack, the platform, or the target's own state.
    """

    reason: str
    cause: Cause = "platform"


class FaultError(SeatrialError):
    """Base of what goes wrong with a fault."""


class FaultNotPossible(FaultError):  # noqa: N818 - named for what a caller catches
    """The probe found an obstacle; nothing was changed."""

    def __init__(self, fault: str, obstacle: Obstacle) -> None:
        super().__init__(f"fault {fault} is not possible here: {obstacle.reason}")
        self.obstacle = obstacle


class FaultNotVerified(FaultError):  # noqa: N818 - named for what a caller catches
    """The fault was injected and its effect was not seen; it has been taken back."""


class FaultNotReleased(FaultError, HarnessError):  # noqa: N818 - named for what a caller catches
    """Something that a fault changed could not be put back; the journal keeps it for the next run."""


class AddressRefused(FaultError, ConfigurationError):  # noqa: N818 - named for what a caller catches
    """The address is neither loopback nor on the target's allow-list."""


class ProcessRefused(FaultError, HarnessError):  # noqa: N818 - named for what a caller catches
    """The process was not started by this harness."""
