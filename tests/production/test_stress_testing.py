"""Concurrent usage and system limits."""

from seatrial.scenarios import StressTesting


class TestStressTesting(StressTesting):
    """wheelhouse's own trial; a scenario of your own is one more method."""
