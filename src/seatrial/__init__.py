"""seatrial: a production-readiness trial for trading systems."""

__version__ = "0.1.0"
