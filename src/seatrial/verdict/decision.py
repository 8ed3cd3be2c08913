"""From the verdicts of the categories to one decision and one exit code."""

from enum import IntEnum, StrEnum

__all__ = ["Decision", "ExitCode", "Scope"]


class Decision(StrEnum):
    """What a whole run says about going to production."""

    READY = "READY"
    NOT_READY = "NOT READY"
    INCONCLUSIVE = "INCONCLUSIVE"


class Scope(StrEnum):
    """Whether every category ran. Only a full run decides on a deployment."""

    FULL = "full"
    PARTIAL = "partial"


class ExitCode(IntEnum):
    """Exit codes of the command line."""

    READY = 0
    NOT_READY = 1
    INCONCLUSIVE = 2
    INTERNAL_ERROR = 3
    USAGE = 4
    NOTHING_SELECTED = 5
    INTERRUPTED = 130
