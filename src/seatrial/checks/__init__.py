"""The readiness checks, one module a category."""

from seatrial.checks import (
    configuration,
    data_integrity,
    monitoring,
    performance,
    reliability,
    scalability,
    security,
)
from seatrial.checks.registry import Check, CheckContext, Finding, InDoubt, NotAssessed, check, registered

__all__ = [
    "Check",
    "CheckContext",
    "Finding",
    "InDoubt",
    "NotAssessed",
    "check",
    "configuration",
    "data_integrity",
    "monitoring",
    "performance",
    "registered",
    "reliability",
    "scalability",
    "security",
]
