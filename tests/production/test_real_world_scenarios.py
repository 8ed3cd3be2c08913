"""Market situations that matter."""

from seatrial.scenarios import RealWorldScenarios


class TestRealWorldScenarios(RealWorldScenarios):
    """wheelhouse's own trial; a scenario of your own is one more method."""
