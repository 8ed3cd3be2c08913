"""Scalability: several callers at once."""

import asyncio

from seatrial.checks.registry import CheckContext, Finding, check
from seatrial.errors import TargetFailure

CALLERS = 10
NEEDED = 8


@check(
    "scalability.concurrent_operations",
    "Of ten simultaneous calls at least eight succeed",
    critical=True,
    needs=("advice", "books"),
    saboteurs=("one_at_a_time",),
    remediation="Look for a lock, a pool of one or a worker limit that turns the second caller away.",
)
async def concurrent_operations(context: CheckContext) -> Finding:
    """Ten callers, released at the same moment."""
    account = await context.target.create_account(context.account_name("concurrent"), cash=100_000.0)
    gate = asyncio.Event()

    async def call() -> str | None:
        await gate.wait()
        try:
            await context.target.recommendations(account.id)
        except TargetFailure as failure:
            return failure.detail
        return None

    calls = [asyncio.create_task(call()) for _ in range(CALLERS)]
    await asyncio.sleep(0)
    gate.set()
    failures = [detail for detail in await asyncio.gather(*calls) if detail is not None]
    succeeded = CALLERS - len(failures)
    evidence = f"{succeeded} of {CALLERS} succeeded, {NEEDED} are needed"
    if failures:
        evidence += f"; the first failure: {failures[0][:120]}"
    return Finding(score=1.0 if succeeded >= NEEDED else 0.0, evidence=evidence)
