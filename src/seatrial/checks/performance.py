"""Performance: answers in time, and in a bounded amount of memory."""

import time

from seatrial.checks.registry import CheckContext, Finding, InDoubt, NotAssessed, check
from seatrial.errors import TargetFailure
from seatrial.observe.processes import ProcessTree
from seatrial.target.protocol import Control
from seatrial.verdict.measurement import Comparison, Objective, Percentile, judge
from seatrial.verdict.scoring import Gap
from seatrial.verdict.statistics import percentile_ranks
from seatrial.verdict.verdicts import Verdict

RESPONSE_LIMIT_SECONDS = 2.0
#: The fewest with which P95 can be shown to lie under a limit with 95 % confidence.
RESPONSE_SAMPLES = 59
MEMORY_LIMIT_BYTES = 1 << 30


@check(
    "performance.response_time",
    "Recommendations answer within two seconds (P95)",
    critical=True,
    weight=2.0,
    needs=("advice", "books"),
    saboteurs=("late_recommendations",),
    remediation="Profile the slowest route and take work out of the request: price chains when quotes arrive, not when asked.",
)
async def response_time(context: CheckContext) -> Finding:
    """One caller after the other, each timed; enough of them for a P95 with 95 % confidence."""
    account = await context.target.create_account(context.account_name("response"), cash=100_000.0)
    lower_rank, _ = percentile_ranks(RESPONSE_SAMPLES, 0.95)
    # So many slow ones decide: whatever the others take, the percentile's lower bound is over the limit.
    deciding = RESPONSE_SAMPLES + 1 - (lower_rank or 1)
    taken: list[float] = []
    slow = 0
    while len(taken) < RESPONSE_SAMPLES and slow < deciding:
        started = time.perf_counter()
        advice = await context.target.recommendations(account.id)
        taken.append(time.perf_counter() - started)
        slow += taken[-1] >= RESPONSE_LIMIT_SECONDS
        if not advice.recommendations:
            raise TargetFailure(f"answer {len(taken)} holds no advice, on {advice.data.state} data", kind="value")
    if len(taken) < RESPONSE_SAMPLES:
        average = sum(taken) / len(taken)
        evidence = (
            f"{slow} of {len(taken)} answers took {RESPONSE_LIMIT_SECONDS:g} s or more, {average:.2f} s on average"
        )
        return Finding(score=0.0, evidence=evidence)
    sample = Percentile.of(taken, 0.95)
    objective = Objective(
        id="production_readiness.performance.response_time_p95",
        comparison=Comparison.LESS,
        limit=RESPONSE_LIMIT_SECONDS,
        min_samples=RESPONSE_SAMPLES,
    )
    judgement = judge(sample, objective)
    evidence = f"P95 of {len(taken)} answers {sample.value:.3f} s, limit {RESPONSE_LIMIT_SECONDS:g} s"
    if judgement.verdict is Verdict.INCONCLUSIVE:
        raise InDoubt(evidence)
    return Finding(score=1.0 if judgement.verdict is Verdict.PASS else 0.0, evidence=evidence)


@check(
    "performance.memory",
    "The process tree stays under 1 GiB",
    needs=("control",),
    saboteurs=("memory_hog",),
    remediation="Find what grows with the number of symbols or accounts, bound the caches, and load history on demand.",
)
async def memory(context: CheckContext) -> Finding:
    """Proportional set size of the whole tree, after everything before it has run."""
    assert isinstance(context.target, Control)
    used = ProcessTree((context.target.process_id,)).memory()
    if used is None:
        raise NotAssessed("the memory of the target's processes cannot be read", Gap.PRIVILEGE)
    evidence = f"{used.total / 2**20:.0f} MiB {used.total_kind.upper()} of the process tree, limit 1024 MiB"
    return Finding(score=1.0 if used.total < MEMORY_LIMIT_BYTES else 0.0, evidence=evidence)
