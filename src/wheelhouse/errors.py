"""What can go wrong in wheelhouse, drawn as a tree.

::

    WheelhouseError
    ├── InvalidInput          the caller's value is wrong (also a ValueError)
    ├── NotFound              the thing named does not exist
    ├── Conflict              the thing exists with another content, or moved meanwhile
    ├── ConfigurationError    settings, files or environment are wrong; nothing was started
    └── StoreError            the database refused or failed
        ├── StoreHeld         another process holds the database file
        └── NewerDatabase     the database was written by a later version

Every message says what is wrong, where, with which value, and what to do about it. Errors of other libraries are wrapped at the
boundary, ``from`` their cause.
"""


class WheelhouseError(Exception):
    """Base of every error that wheelhouse raises on purpose."""


class InvalidInput(WheelhouseError, ValueError):  # noqa: N818 - named for what a caller catches
    """A value that the caller gave cannot be used."""


class NotFound(WheelhouseError, LookupError):  # noqa: N818
    """The thing that the caller named does not exist."""


class Conflict(WheelhouseError):  # noqa: N818
    """What the caller wants contradicts what is stored."""


class ConfigurationError(WheelhouseError):
    """Settings, files or environment are wrong; nothing was started."""


class StoreError(WheelhouseError):
    """The database refused or failed."""


class StoreHeld(StoreError):  # noqa: N818
    """Another process holds the database file."""


class NewerDatabase(StoreError):  # noqa: N818
    """The database was written by a later version of wheelhouse."""
