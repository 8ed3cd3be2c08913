"""What can go wrong in seatrial, drawn as a tree.

::

    SeatrialError
    ├── ConfigurationError    settings or usage are wrong; found before anything runs (exit 4)
    ├── HarnessError          our own side of the adapter failed; verdict `error` (exit 3)
    └── NotSupported          a target's method is missing although its declaration promises it (exit 4)
    TargetFailure             what the system under trial did wrong; verdict `fail`

``TargetFailure`` stands apart on purpose: it is a result of the trial, not an error of it.
"""


class SeatrialError(Exception):
    """Base of the errors that are ours."""


class ConfigurationError(SeatrialError):
    """Settings or usage are wrong. Says which key or option, its value, and what is accepted."""


class HarnessError(SeatrialError):
    """The trial itself failed; nothing is known about the target."""


class NotSupported(SeatrialError):  # noqa: N818 - named for what a caller catches
    """The adapter does not have a method that its declaration promises."""


#: What is wrong before or beside the trial itself: exit 4.
MISCONFIGURED = (ConfigurationError, NotSupported)
#: Where an internal error of this kind is said to have happened.
CONFIGURATION = "configuration"


class TargetFailure(Exception):  # noqa: N818 - a result, not an error
    """The system under trial answered wrongly, late or not at all.

    Parameters
    ----------
    detail
        What was asked, what came back, and what was expected.
    kind
        A short, stable word for grouping: ``status``, ``timeout``, ``connection``, ``schema``, ``value``.
    status
        The HTTP status, where there was one.
    """

    def __init__(self, detail: str, *, kind: str = "value", status: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.kind = kind
        self.status = status
