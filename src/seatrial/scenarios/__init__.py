"""The four categories as pytest classes: subclass them in a test file, or run them as they are."""

from seatrial.scenarios.end_to_end import EndToEndWorkflows
from seatrial.scenarios.readiness import ProductionReadiness
from seatrial.scenarios.real_world import RealWorldScenarios
from seatrial.scenarios.stress import StressTesting

__all__ = ["EndToEndWorkflows", "ProductionReadiness", "RealWorldScenarios", "StressTesting"]
