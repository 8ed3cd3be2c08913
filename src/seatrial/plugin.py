"""The pytest face of a trial: fixtures, options and the events of a run.

Loaded by pytest wherever seatrial is installed, so nothing heavy is imported before a test asks for it.

Fixtures
--------
advisor
    The trading system under trial, started or connected once a session.
temp_storage
    A folder for one test, with a database address in it; gone afterwards.
production_context
    Makes the context of the running scenario: ``async with production_context("Title") as ctx``.
"""

import os
import secrets
import tempfile
import traceback
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from seatrial.checks.registry import Check
    from seatrial.events import Event, InternalError
    from seatrial.report.redact import Redactor
    from seatrial.scenarios.context import ProductionContext, ScenarioContext, Trial
    from seatrial.target.protocol import TradingSystem
    from seatrial.target.records import About

_FIXTURES = frozenset({"advisor", "production_context", "seatrial_trial"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TempStorage:
    """A place for one test: a folder, and the address of a database in it that does not exist yet."""

    path: Path
    database_url: str


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of a trial; all begin with ``--seatrial-``."""
    group = parser.getgroup("seatrial", "trial of a trading system")
    group.addoption("--seatrial-target", metavar="TARGET", help="bundled, http://..., or module:Class")
    group.addoption("--seatrial-profile", metavar="PROFILE", help="quick, standard, full or soak")
    group.addoption("--seatrial-policy", metavar="POLICY", help="standard or release")
    group.addoption("--seatrial-settings", metavar="FILE", help="a seatrial.toml; the nearest one by default")
    group.addoption("--seatrial-only", metavar="ID", action="append", help="only what measures this objective or check")
    group.addoption("--seatrial-saboteur", metavar="ID", help="put this saboteur into the bundled target")
    group.addoption(
        "--seatrial-fail-fast", action="store_true", help="leave out what follows the first failed scenario"
    )
    group.addoption("--seatrial-run-id", metavar="ID", help="id of the run this process is part of")
    group.addoption("--seatrial-events-fd", metavar="FD", type=int, help="write events to this file descriptor")


def pytest_configure(config: pytest.Config) -> None:
    """Take the events' channel and describe our mark."""
    config.addinivalue_line("markers", "seatrial: part of a trial")
    config.stash[_RECORD] = _Record(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let go of the events' channel."""
    config.stash[_RECORD].close()


class _Record:
    """What happened in this process: to the runner, if there is one, and to the terminal summary."""

    def __init__(self, config: pytest.Config) -> None:
        descriptor = config.getoption("--seatrial-events-fd", default=None)
        self._channel: TextIO | None = None if descriptor is None else os.fdopen(descriptor, "w", encoding="utf-8")
        self.events: list[Event] = []
        self.finished_nodes: set[str] = set()
        #: Nodes whose verdict says already that something is wrong.
        self.blamed_nodes: set[str] = set()
        self.failed_nodes: set[str] = set()
        self.answered_checks: set[str] = set()
        self.broken = False

    @cached_property
    def redactor(self) -> "Redactor":
        """Takes secrets out of every event; the target's own are added when it is made."""
        from seatrial.report.redact import Redactor

        return Redactor.from_environment(os.environ)

    @property
    def under_runner(self) -> bool:
        """Whether a runner reads along."""
        return self._channel is not None

    def emit(self, event: "Event") -> None:
        """Pass an event on, one line each."""
        from seatrial.events import CheckDone, MeasurementTaken, ScenarioDone, to_json
        from seatrial.verdict.verdicts import Verdict

        event = self.redactor.value(event)
        if isinstance(event, MeasurementTaken | CheckDone | ScenarioDone):
            self.events.append(event)
        if isinstance(event, ScenarioDone):
            self.finished_nodes.add(event.node)
            if event.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR):
                self.blamed_nodes.add(event.node)
            if event.verdict is Verdict.FAIL:
                self.failed_nodes.add(event.node)
        elif isinstance(event, CheckDone):
            self.answered_checks.add(event.check.id)
        if self._channel is not None:
            self._channel.write(to_json(event) + "\n")
            self._channel.flush()

    def target_did_not_start(self, error: Exception, request: pytest.FixtureRequest) -> None:
        """Say it once, and end the session: every test would only say it again."""
        from seatrial.errors import TargetFailure
        from seatrial.events import ScenarioDone, utc_now
        from seatrial.verdict.verdicts import Verdict

        self.broken = True
        run_id = request.getfixturevalue("seatrial_trial").run_id
        item = request._pyfuncitem
        if isinstance(error, TargetFailure):
            self.emit(
                ScenarioDone(
                    ts=utc_now(),
                    run_id=run_id,
                    category=category_of(item.path),
                    scenario="target",
                    title="Start Of The Target",
                    node=item.nodeid,
                    verdict=Verdict.FAIL,
                    seconds=0.0,
                    detail=error.detail,
                )
            )
        else:
            shown = "".join(traceback.format_exception(error))
            self.emit(_internal_error(error, item, run_id=run_id, where="start of the target", shown=shown))
        request.session.shouldfail = f"the target did not start: {error}"

    def close(self) -> None:
        """Close the channel; the runner reads to its end."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None


_RECORD = pytest.StashKey[_Record]()


def _internal_error(
    error: BaseException, item: pytest.Item, *, run_id: str, where: str, shown: str | None
) -> "InternalError":
    """An error of ours; one of configuration says so, and needs no traceback."""
    from seatrial.errors import CONFIGURATION, MISCONFIGURED
    from seatrial.events import InternalError, utc_now

    configured = isinstance(error, MISCONFIGURED)
    return InternalError(
        ts=utc_now(),
        run_id=run_id,
        where=CONFIGURATION if configured else where,
        message=str(error) if configured else f"{type(error).__name__}: {error}",
        category=category_of(item.path),
        scenario=scenario_of(item.name),
        traceback=None if configured else shown,
    )


def category_of(path: Path) -> str:
    """The category that a test file stands for: ``test_stress_testing.py`` is ``stress_testing``."""
    return path.stem.removeprefix("test_")


def scenario_of(name: str) -> str:
    """The scenario that a test stands for: ``test_market_open`` is ``market_open``, with its parameter if it has one."""
    return name.removeprefix("test_").replace("[", "-").rstrip("]").replace(".", "-")


def _check_of(item: pytest.Item) -> "Check | None":
    """The readiness check that an item asks, if it is one of those."""
    params: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    found = params.get("check")
    # Somebody's own test may call a parameter of another kind "check".
    return found if hasattr(found, "remediation") else None


def _measures(item: pytest.Item, identifier: str) -> bool:
    """Whether an item produces the objective or check of that id."""
    if (check := _check_of(item)) is not None:
        return check.id == identifier
    return identifier.startswith(f"{category_of(item.path)}.{scenario_of(item.name)}.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep only what measures the wanted ids; one session, and so one target, for all."""
    wanted: list[str] = config.getoption("--seatrial-only") or []
    if not wanted:
        return
    kept = [item for item in items if any(_measures(item, identifier) for identifier in wanted)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.fixture(scope="session")
def seatrial_trial(request: pytest.FixtureRequest) -> "Trial":
    """What this process knows of the run: settings, run id, and where events go."""
    from seatrial.scenarios.context import Trial
    from seatrial.settings.finding import settings_file, test_files
    from seatrial.settings.loading import load

    config = request.config
    given = config.getoption("--seatrial-settings")
    # The first test's folder stands for all: a session tries one system.
    folder = request.session.items[0].path.parent
    settings = load(
        Path(given) if given else settings_file(config.invocation_params.dir),
        profile=config.getoption("--seatrial-profile") or "standard",
        policy=config.getoption("--seatrial-policy") or "standard",
        target=config.getoption("--seatrial-target"),
        env=os.environ,
        files=test_files(folder),
    )
    run_id = config.getoption("--seatrial-run-id") or secrets.token_hex(4)
    return Trial(run_id=run_id, settings=settings, emit=config.stash[_RECORD].emit)


def _target_reached(trial: "Trial", about: "About") -> "Event":
    from seatrial.events import TargetInfo, TargetReached, utc_now

    settings = trial.settings.target
    info = TargetInfo(
        name=about.system,
        kind=settings.way,
        url=settings.kind if settings.way == "http" else None,
        version=about.version,
        environment=about.environment,
        broker=about.broker,
        clock=about.clock,
        disposable=settings.is_disposable,
        lacks=settings.lacks,
    )
    return TargetReached(ts=utc_now(), run_id=trial.run_id, target=info)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def advisor(request: pytest.FixtureRequest, seatrial_trial: "Trial") -> "AsyncIterator[TradingSystem]":
    """The trading system under trial."""
    from seatrial.target.choose import choose_target, refuse_production

    settings = seatrial_trial.settings
    key, database_url = settings.environment.target_key, settings.environment.test_database_url
    record = request.config.stash[_RECORD]
    async with AsyncExitStack() as stack:
        try:
            saboteur = None
            if name := request.config.getoption("--seatrial-saboteur"):
                from seatrial.sabotage.catalogue import saboteur_named

                saboteur = saboteur_named(name)
            target = choose_target(
                settings.target.kind,
                lacks=settings.target.lacks,
                options=settings.target.options,
                key=None if key is None else key.get_secret_value(),
                database_url=None if database_url is None else database_url.get_secret_value(),
                saboteur=saboteur,
            )
            for secret in getattr(target, "secrets", ()):
                record.redactor.add(secret)
            await stack.enter_async_context(target)
            about = await target.about()
            refuse_production(about.environment, about.broker, about.system)
            record.emit(_target_reached(seatrial_trial, about))
        except Exception as error:
            record.target_did_not_start(error, request)
            raise
        yield target


@pytest.fixture
def temp_storage() -> Iterator[TempStorage]:
    """A folder for one test, with a database address in it."""
    with tempfile.TemporaryDirectory(prefix="seatrial-storage-") as folder:
        path = Path(folder)
        yield TempStorage(path=path, database_url=f"duckdb:///{path / 'test.db'}")


@pytest.fixture
def production_context(
    request: pytest.FixtureRequest, seatrial_trial: "Trial"
) -> "Callable[[str], ScenarioContext] | ProductionContext":
    """Makes the context of the running scenario, given its title."""
    from seatrial.scenarios.context import ScenarioContext

    target = request.getfixturevalue("advisor") if "advisor" in request.fixturenames else None

    def make(title: str) -> ScenarioContext:
        return ScenarioContext(
            seatrial_trial,
            target,
            category=category_of(request.node.path),
            scenario=scenario_of(request.node.name),
            title=title,
            node=request.node.nodeid,
        )

    return make


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give a verdict to what ended without a context of its own: a scenario that never began is not lost."""
    report = yield
    record = item.config.stash[_RECORD]
    ours = record.under_runner or not _FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
    if ours:
        _report_bare_end(record, item, call)
        if item.config.getoption("--seatrial-fail-fast") and item.nodeid in record.failed_nodes:
            item.session.shouldfail = "a scenario failed, and the run is to end there"
    return report


def _report_bare_end(record: _Record, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    exc = None if call.excinfo is None else call.excinfo.value
    if record.broken or (exc is None and call.when != "call") or _is_told(record, item, call.when, exc):
        return

    from seatrial.errors import MISCONFIGURED
    from seatrial.events import ScenarioDone, utc_now
    from seatrial.scenarios.endings import verdict_of

    trial: Trial | None = getattr(item, "funcargs", {}).get("seatrial_trial")
    run_id = item.config.getoption("--seatrial-run-id") or (trial.run_id if trial else "direct")
    shown = str(call.excinfo.getrepr(style="short")) if call.excinfo else None
    if exc is not None and (call.when == "teardown" or isinstance(exc, MISCONFIGURED)):
        where = f"clean-up of {item.nodeid}" if call.when == "teardown" else item.nodeid
        record.emit(_internal_error(exc, item, run_id=run_id, where=where, shown=shown))
        return
    verdict = verdict_of(exc)
    scenario = scenario_of(item.name)
    record.emit(
        ScenarioDone(
            ts=utc_now(),
            run_id=run_id,
            category=category_of(item.path),
            scenario=scenario,
            title=scenario.replace("_", " ").title(),
            node=item.nodeid,
            verdict=verdict,
            seconds=call.duration,
            detail=None if exc is None else f"{type(exc).__name__}: {exc}",
            traceback=shown if verdict == "error" else None,
        )
    )


def _is_told(record: _Record, item: pytest.Item, when: str, exc: BaseException | None) -> bool:
    """Whether a verdict that was given already says what this ending says."""
    if when == "teardown":
        return False
    if (check := _check_of(item)) is not None:
        outcome = isinstance(exc, None | pytest.fail.Exception | pytest.skip.Exception)
        return when == "call" and outcome and check.id in record.answered_checks
    if item.nodeid not in record.finished_nodes:
        return False
    # What goes wrong behind a context that passed is a failure all the same.
    return exc is None or isinstance(exc, pytest.skip.Exception) or item.nodeid in record.blamed_nodes


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was measured, so that a run without the runner shows its evidence too."""
    record = config.stash[_RECORD]
    if not record.events or record.under_runner:
        return
    from seatrial.events import CheckDone, MeasurementTaken
    from seatrial.scenarios.endings import describe

    terminalreporter.section("trial evidence")
    for event in record.events:
        if isinstance(event, MeasurementTaken):
            terminalreporter.line(describe(event.measurement))
        elif isinstance(event, CheckDone):
            check = event.check
            terminalreporter.line(f"{check.id}: {check.verdict} ({check.evidence})")
    terminalreporter.line("One pytest process decides nothing about a deployment; `seatrial run` does.")
