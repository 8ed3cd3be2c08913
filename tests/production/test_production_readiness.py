"""Deployment readiness, one test a check."""

from seatrial.scenarios import ProductionReadiness


class TestProductionReadiness(ProductionReadiness):
    """wheelhouse's own trial; a scenario of your own is one more method."""
