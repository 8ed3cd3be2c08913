"""What to do about a missed objective. Checks bring their own remediation."""

from seatrial.verdict.measurement import Measurement

__all__ = ["remediation"]

_BY_NAME = (
    (
        "response_time",
        "Profile the slow operations; compare service time with response time to tell work from waiting.",
    ),
    ("query", "Look at the slow queries' plans and indexes, and at locks held while they wait."),
    ("throughput", "Find what the workers wait for: locks, connections, single-threaded work; then size the pools."),
    ("error_rate", "Read the failed answers below; check the availability of dependencies and the limits of pools."),
    ("cpu", "Profile the busiest process under this load, and compute per quote rather than per request."),
    ("leak", "Compare allocations by line at the start and the end of the run; look for caches without a bound."),
    ("memory", "Profile memory over the run; bound caches and batch sizes."),
    ("data_age", "Check the feed and the way from quote to answer; a reader saw data this old."),
    ("updates", "Check the provider's connection and how updates are batched on their way in."),
    ("delta", "Compare inputs first (rate, dividends, day count, exercise style), then the model."),
    ("ledger", "Find the event that moves cash or shares without a counterpart; the ledger must explain every cent."),
    ("completeness", "Review validation and cleaning of incoming data; see which fields are missing."),
    ("duration", "Time the workflow's steps one by one; the slowest is in the evidence."),
    ("steps", "Run this scenario alone with -v -s; the first failed step usually explains the others."),
)
_BY_CATEGORY = {
    "end_to_end_workflows": "Check connection strings and credentials, external services, and data validation.",
    "stress_testing": "Profile memory and slow operations over time; check pool sizes.",
    "real_world_scenarios": "Check the provider's connection and format, market hours and time zones, and peak volumes.",
    "production_readiness": "Review configuration, secrets, monitoring and backups.",
}


def remediation(measurement: Measurement) -> str:
    """Advice by what was measured, else by category."""
    for word, advice in _BY_NAME:
        if word in measurement.name:
            return advice
    return _BY_CATEGORY.get(measurement.category, "Run this scenario alone and read its log.")
