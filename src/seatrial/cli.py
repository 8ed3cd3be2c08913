"""The command line: ``seatrial <command>``.

Only the argument parser is imported here; each command imports what it needs when it runs. Exit codes: 0 READY, 1 NOT READY, 2 INCONCLUSIVE,
3 internal error, 4 wrong usage or configuration, 5 nothing selected, 130 interrupted.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

from seatrial import __version__, commands
from seatrial.errors import MISCONFIGURED, SeatrialError

if TYPE_CHECKING:
    from seatrial.events import Handler

EXIT_INTERNAL_ERROR = 3
EXIT_USAGE = 4

Profile = Literal["quick", "standard", "full", "soak", "prove"]
Policy = Literal["standard", "release"]
Names = Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=())]

app = App(
    name="seatrial",
    help="Puts a trading system through its sea trial: READY, NOT READY or INCONCLUSIVE, with evidence.",
    version=__version__,
    help_format="plaintext",
)
commands.register(app)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = app(arguments, exit_on_error=False, print_error=True, result_action="return_value")
    except CycloptsError:
        # The parser has said what is wrong.
        return EXIT_USAGE
    except MISCONFIGURED as error:
        sys.stderr.write(f"seatrial: {error}\n")
        return EXIT_USAGE
    except SeatrialError as error:
        sys.stderr.write(f"seatrial: internal error: {error}\n")
        return EXIT_INTERNAL_ERROR
    except Exception:  # noqa: BLE001 - the exit code has to say that it was us
        sys.stderr.write(f"seatrial: internal error\n{traceback.format_exc()}")
        return EXIT_INTERNAL_ERROR
    return code if isinstance(code, int) else 0


@app.command
def run(
    *,
    categories: Names = (),
    target: str | None = None,
    profile: Profile = "standard",
    policy: Policy = "standard",
    fail_fast: bool = False,
    verbose: bool = False,
    report_dir: Path | None = None,
    saboteur: str | None = None,
) -> int:
    """Run the trial and decide.

    Parameters
    ----------
    categories
        Run these only; then it is no deployment decision.
    target
        "bundled", an address ("http://..."), or an adapter ("module:Class").
    profile
        How long and how hard.
    policy
        What READY asks for.
    fail_fast
        Stop at the first critical failure.
    verbose
        Show every measurement and check with its evidence.
    report_dir
        Where reports go; seatrial-results/<run id> by default.
    saboteur
        Put this saboteur into the bundled target and see it caught.
    """
    from seatrial.commands.companions import companions
    from seatrial.interruption import Interruption
    from seatrial.report.console import ConsoleReport, make_console
    from seatrial.runner import RunRequest, new_run_id, prepare
    from seatrial.runner import run as execute

    run_id = new_run_id()
    request = RunRequest(
        project=Path.cwd(),
        report_dir=report_dir or Path("seatrial-results") / run_id,
        run_id=run_id,
        categories=categories,
        target=target,
        profile=profile,
        policy=policy,
        fail_fast=fail_fast,
        saboteur=saboteur,
    )
    prepare(request)
    with Interruption().on_signals() as interruption:
        console = ConsoleReport(make_console(sys.stdout), verbose=verbose)
        beside = companions(os.environ, sys.stdout, sabotaged=saboteur is not None)
        result = execute(request, report_stream(request.report_dir, console, *beside), interruption)
    sys.stdout.write(f"Reports: {request.report_dir}\n")
    return int(result.exit_code)


@app.command
def prove(
    *,
    saboteur: Names = (),
    only: Names = (),
    full: bool = False,
    report_dir: Path | None = None,
) -> int:
    """Prove that every check can fail: run the saboteurs and see each one killed.

    Parameters
    ----------
    saboteur
        Saboteurs of your own, module:NAME, beside the catalogue.
    only
        Run these saboteurs only.
    full
        Nightly: each saboteur runs everything, which shows collateral kills.
    report_dir
        Where the reports of each saboteur's run and kill_matrix.json go.
    """
    from seatrial.interruption import Interruption
    from seatrial.runner import RunRequest, new_run_id, prepare
    from seatrial.sabotage.catalogue import saboteur_named
    from seatrial.sabotage.console import ProofConsole
    from seatrial.sabotage.prove import check_claims
    from seatrial.sabotage.prove import prove as execute
    from seatrial.sabotage.saboteurs import NOOP, SABOTEURS

    run_id = new_run_id()
    folder = report_dir or Path("seatrial-results") / f"prove-{run_id}"
    settings = prepare(RunRequest(project=Path.cwd(), report_dir=folder, run_id=run_id, profile="prove"))
    own = {reference: saboteur_named(reference) for reference in saboteur}
    names = {known.id: known.id for known in (NOOP, *SABOTEURS)} | {
        known.id: reference for reference, known in own.items()
    }
    catalogue = (*SABOTEURS, *own.values())
    check_claims(settings, catalogue)
    chosen = [known for known in catalogue if not only or known.id in only]
    for name in only:
        saboteur_named(names.get(name, name))
    with Interruption().on_signals() as interruption, ProofConsole(total=len(chosen)) as console:
        matrix = execute(
            chosen,
            settings,
            project=Path.cwd(),
            report_dir=folder,
            run_id=run_id,
            interruption=interruption,
            stream=report_stream,
            told=console.tell,
            references=lambda known: names[known.id],
            whole=not only,
            full=full,
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kill_matrix.json").write_text(matrix.as_json(), encoding="utf-8")
    console.conclude(matrix, folder)
    return int(matrix.exit_code)


@app.command
def checks(*, json: bool = False) -> int:
    """List every objective and check with its level, weight, saboteurs and remediation.

    Parameters
    ----------
    json
        For machines.
    """
    from seatrial.checks.listing import as_json, as_tables
    from seatrial.settings.finding import settings_file
    from seatrial.settings.loading import load

    settings = load(settings_file(Path.cwd()))
    sys.stdout.write(as_json(settings) if json else as_tables(settings))
    return 0


def report_stream(report_dir: Path, *handlers: "Handler") -> "Handler":
    """Every report file, and further handlers, behind the one place where secrets leave the stream."""
    from seatrial.report.files import file_handlers
    from seatrial.report.redact import EventStream, Redactor

    return EventStream((*handlers, *file_handlers(report_dir)), Redactor.from_environment(os.environ))
