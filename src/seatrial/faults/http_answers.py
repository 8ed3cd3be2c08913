"""What an HTTP dependency may answer instead of the truth, as values."""

import math
from dataclasses import dataclass
from typing import TypeAlias

from seatrial.errors import ConfigurationError

_FIRST_STATUS, _LAST_STATUS = 400, 599


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error status instead of the answer; the dependency is not asked.

    Parameters
    ----------
    status
        400 to 599.
    retry_after_seconds
        Goes into ``Retry-After``, as for 429 and 503.
    """

    status: int
    retry_after_seconds: int | None = None

    def __post_init__(self) -> None:
        """Check the figures."""
        if not _FIRST_STATUS <= self.status <= _LAST_STATUS:
            raise ConfigurationError(f"{self}: status must be from {_FIRST_STATUS} to {_LAST_STATUS}")
        if self.retry_after_seconds is not None and self.retry_after_seconds < 0:
            raise ConfigurationError(f"{self}: retry_after_seconds must be at least 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncated:
    """Only the first part of the body.

    Parameters
    ----------
    keep
        The share that is sent, at least 0 and under 1.
    honest_length
        Whether ``Content-Length`` is that of the part: nobody but the reader of the body can notice. Otherwise it is that of
        the whole, and the connection closes early.
    """

    keep: float = 0.5
    honest_length: bool = False

    def __post_init__(self) -> None:
        """Check the figures."""
        if not 0 <= self.keep < 1:
            raise ConfigurationError(f"{self}: keep must be at least 0 and under 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang:
    """No answer while it is in force; the dependency's own afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyBody:
    """The dependency's status and headers, and nothing after them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drip:
    """The body comes, so many bytes a second."""

    bytes_per_second: float

    def __post_init__(self) -> None:
        """Check the figures."""
        if not math.isfinite(self.bytes_per_second) or self.bytes_per_second <= 0:
            raise ConfigurationError(f"{self}: bytes_per_second must be finite and more than 0")


HttpAnswer: TypeAlias = Refusal | Truncated | Hang | EmptyBody | Drip
