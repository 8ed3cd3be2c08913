"""Monitoring: figures that move, and a health answer that looks at something."""

from seatrial.checks.registry import CheckContext, Finding, check

CALLS = 20


@check(
    "monitoring.metrics",
    "Request metrics count what happens",
    critical=True,
    needs=("operations",),
    saboteurs=("frozen_metrics",),
    remediation="Export counters that are updated on every request, and scrape the process that serves them.",
)
async def metrics(context: CheckContext) -> Finding:
    """Ask a known number of times and see whether any counter of requests has noticed."""
    before = await context.target.metrics()
    for _ in range(CALLS):
        await context.target.about()
    after = await context.target.metrics()
    counters = [name for name in after if "requests_total" in name]
    if not counters:
        return Finding(score=0.0, evidence=f"no counter of requests among {len(after)} samples")
    moved = sum(after[name] - before.get(name, 0.0) for name in counters)
    evidence = f"{CALLS} requests moved {len(counters)} request counters by {moved:g}"
    return Finding(score=1.0 if moved >= CALLS else 0.0, evidence=evidence)


@check(
    "monitoring.health",
    "Liveness answers, and readiness names what it checked",
    needs=("operations",),
    saboteurs=("mute_health",),
    remediation="Let the readiness route try the store and the feed, and list each with its outcome.",
)
async def health(context: CheckContext) -> Finding:
    """Both routes answer; readiness has at least one named check, and all hold."""
    await context.target.alive()
    answer = await context.target.ready()
    names = ", ".join(item.name for item in answer.checks)
    failing = [item.name for item in answer.checks if not item.ok]
    if not answer.checks:
        return Finding(score=0.0, evidence=f"readiness says {answer.status!r} and names nothing that it checked")
    if failing:
        return Finding(score=0.0, evidence=f"readiness answers 200 although these fail: {', '.join(failing)}")
    return Finding(score=1.0, evidence=f"alive; readiness checked {names}")
