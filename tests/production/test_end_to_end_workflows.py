"""Complete trading workflows, from market data to money."""

from seatrial.scenarios import EndToEndWorkflows


class TestEndToEndWorkflows(EndToEndWorkflows):
    """wheelhouse's own trial; a scenario of your own is one more method."""
