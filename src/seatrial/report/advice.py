"""What a failure most likely comes from, and what to do next. Checks bring their own remediation."""

from dataclasses import dataclass

from seatrial.events import ScenarioDone
from seatrial.verdict.measurement import Measurement
from seatrial.verdict.scoring import CheckResult
from seatrial.verdict.verdicts import Verdict

__all__ = ["Advice", "advise_check", "advise_measurement", "advise_scenario", "remediation", "repeat_command"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to suspect first, and what to do about it."""

    cause: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.next_step} Likely cause: {self.cause}"


_TOO_FEW = Advice(
    cause="too few samples for the confidence that the objective asks for, or a figure too close to its limit.",
    next_step="Repeat the run, or take a profile with longer stages (--profile full).",
)
_NEVER_MEASURED = Advice(
    cause="the scenario ended before it took this figure, or the target's processes are not ours to watch.",
    next_step="Read the scenario's own failure first; declare in [target] lacks what the target does not have.",
)
_GUARD = Advice(
    cause="the load generator or its host was too busy to measure, not necessarily the target.",
    next_step="Repeat on a quiet machine with cores to spare, or drive the target from another one.",
)
# The first word that is found in a measurement's name gives the advice.
_BY_NAME = (
    (
        "response_time",
        Advice(
            cause="slow operations, or requests that wait for a pool, a lock or a single-threaded step.",
            next_step="Profile the slow operations; compare service time with response time to tell work from waiting.",
        ),
    ),
    (
        "query",
        Advice(
            cause="a missing index, a plan that reads whole tables, or locks held by a writer.",
            next_step="Look at the slow queries' plans and indexes, and at locks held while they wait.",
        ),
    ),
    (
        "throughput",
        Advice(
            cause="an exhausted connection pool, or work that only one thread may do.",
            next_step="Find what the workers wait for; then increase the pool's size or optimise the queries.",
        ),
    ),
    (
        "error_rate",
        Advice(
            cause="a dependency that is not available, an exhausted pool, or answers that broke their contract.",
            next_step="Read the most frequent error in the evidence and the target's log of that moment.",
        ),
    ),
    (
        "stale_read",
        Advice(
            cause="a cache or snapshot that is not renewed when quotes come in.",
            next_step="Follow one quote from its acknowledgement to the answer that should show it.",
        ),
    ),
    (
        "cpu",
        Advice(
            cause="work done for each request that could be done once for each quote, or a busy loop.",
            next_step="Profile the busiest process under this load.",
        ),
    ),
    (
        "leak",
        Advice(
            cause="a cache without a bound, or objects that are registered and never let go.",
            next_step="Compare allocations by line at the start and the end of the run (memray, mprof).",
        ),
    ),
    (
        "memory",
        Advice(
            cause="whole tables or histories held in memory, or batches without a bound.",
            next_step="Profile memory over the run (mprof run, mprof plot); bound caches and batch sizes.",
        ),
    ),
    (
        "data_age",
        Advice(
            cause="a feed that stands still, or times taken in the wrong zone.",
            next_step="Check the data provider's connection, the market hours and the time zones of the timestamps.",
        ),
    ),
    (
        "updates",
        Advice(
            cause="the provider's connection or format, updates taken in one by one, or a host too busy to feed it.",
            next_step="Check how updates are batched on their way in, and what was rejected.",
        ),
    ),
    (
        "delta",
        Advice(
            cause="different inputs (rate, dividends, day count, exercise style), or a sign.",
            next_step="Compare the inputs of the worst contract first, then the model.",
        ),
    ),
    (
        "ledger",
        Advice(
            cause="an event that moves cash or shares without a counterpart, or that is booked twice.",
            next_step="Walk through the ledger of the account in the evidence; it must explain every cent.",
        ),
    ),
    (
        "completeness",
        Advice(
            cause="validation or cleaning that drops or misses fields.",
            next_step="Review data validation and cleaning; see which fields are missing.",
        ),
    ),
    (
        "duration",
        Advice(
            cause="one slow step, most often the first that touches the database or an external service.",
            next_step="Run the scenario alone with --log-cli-level=DEBUG and time its steps.",
        ),
    ),
    (
        "steps",
        Advice(
            cause="the first step that failed; those after it did not run.",
            next_step="Read what that step expected and found.",
        ),
    ),
)
_BY_CATEGORY = {
    "end_to_end_workflows": Advice(
        cause="a database connection, an external service that is not available, or data that did not pass validation.",
        next_step="Check connection strings and credentials, external services, and data validation.",
    ),
    "stress_testing": Advice(
        cause="a memory leak, an exhausted connection pool, or operations that grow slower under load.",
        next_step="Profile memory and slow operations over time; check pool sizes.",
    ),
    "real_world_scenarios": Advice(
        cause="the data provider's connection or format, market hours and time zones, or peak volume.",
        next_step="Check the provider's connection, the calendar and time zones, and optimise for peak periods.",
    ),
    "production_readiness": Advice(
        cause="security, configuration or monitoring that is not set up.",
        next_step="Review authentication and secrets, the required configuration files, logging and metrics.",
    ),
}
_UNKNOWN = Advice(
    cause="not known for a figure of your own.", next_step="Run this scenario alone and read the target's log."
)
# Words of a scenario's failure, as they come from the target's answer or the socket.
_BY_WORDS = (
    (
        ("refused", "cannot connect", "connection reset", "closed the connection", "disconnected"),
        Advice(
            cause="the target's process is not up, or ended during the scenario.",
            next_step="Read the end of the target's log, and check address, port and connection strings.",
        ),
    ),
    (
        ("401", "403", "unauthor", "forbidden"),
        Advice(
            cause="the key is missing, revoked or of too low a role.",
            next_step="Set SEATRIAL_TARGET_KEY to a key that may trade on this target.",
        ),
    ),
    (
        ("404", "405", "501", "not found", "not supported"),
        Advice(
            cause="the target has no such route or method.",
            next_step="Implement it, or declare it in [target] lacks; then it is not applicable, visibly.",
        ),
    ),
    (
        ("timed out", "time-out", "timeout", "no answer within"),
        Advice(
            cause="an external service or the database that does not answer, or a lock that is not released.",
            next_step="Verify that the target's dependencies are up, and look for what holds the lock.",
        ),
    ),
    (
        ("database", "locked", "readonly", "read-only", "disk"),
        Advice(
            cause="the database cannot be reached or written.",
            next_step="Check the connection string, credentials, free space, and who else holds the file.",
        ),
    ),
    (
        ("stale", "fresh", "session", "market hours", "time zone"),
        Advice(
            cause="data that is old, or market hours and time zones that are wrong.",
            next_step="Check the provider's connection and how the target computes sessions and ages.",
        ),
    ),
    (
        ("is not json", "schema", "field required", "valid "),
        Advice(
            cause="an answer that does not keep to the contract.",
            next_step="Compare the answer in the evidence with the contract, key by key.",
        ),
    ),
)
_BY_CHECK_CATEGORY = {
    "performance": "slow operations or too much held in memory.",
    "reliability": "errors that are not recovered from: time-outs, retries and restarts that are missing.",
    "security": "authentication, roles, file permissions or secrets that are not as they should be.",
    "scalability": "a pool that is too small, or work that only one request at a time may do.",
    "monitoring": "logging, metrics or health checks that are not set up or tell the wrong thing.",
    "data_integrity": "validation rules, backups or transactions with a gap.",
    "configuration": "a required configuration file or setting that is missing, or a secret in one.",
}


def advise_measurement(measurement: Measurement) -> Advice:
    """Advice by why it is in doubt, else by what was measured, else by category."""
    if measurement.verdict is Verdict.INCONCLUSIVE:
        detail = measurement.detail or ""
        if measurement.samples == 0:
            return _NEVER_MEASURED
        return _GUARD if "guard tripped" in detail else _TOO_FEW
    for word, advice in _BY_NAME:
        if word in measurement.name:
            return advice
    return _BY_CATEGORY.get(measurement.category, _UNKNOWN)


def advise_check(check: CheckResult) -> Advice:
    """The check's own remediation, with what to suspect in its category."""
    if check.verdict is Verdict.ERROR:
        cause = "our own side of the trial, not the target."
    elif check.verdict is Verdict.INCONCLUSIVE:
        cause = "the check could not find out; its evidence says why."
    else:
        cause = _BY_CHECK_CATEGORY.get(check.category, _UNKNOWN.cause)
    return Advice(cause=cause, next_step=check.remediation)


def advise_scenario(done: ScenarioDone) -> Advice:
    """Advice by the words of its failure, else by category."""
    if done.verdict is Verdict.ERROR:
        return Advice(
            cause="our own side of the trial: the adapter, the harness or this host.",
            next_step=f"Read the traceback, then run it alone: {repeat_command(done)}",
        )
    words = (done.detail or "").lower()
    for keys, advice in _BY_WORDS:
        if any(key in words for key in keys):
            return advice
    return _BY_CATEGORY.get(done.category, _UNKNOWN)


def repeat_command(done: ScenarioDone) -> str:
    """How to run one scenario alone, with its log."""
    node = done.node if "/" in done.node else f"tests/production/{done.node}"
    return f"pytest '{node}' -v -s --log-cli-level=DEBUG"


def remediation(measurement: Measurement) -> str:
    """What to do about a missed objective, and what to suspect, in one line."""
    return str(advise_measurement(measurement))
