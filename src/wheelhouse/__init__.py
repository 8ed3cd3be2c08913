"""wheelhouse: an advisor for the options wheel."""

__version__ = "0.1.0"
