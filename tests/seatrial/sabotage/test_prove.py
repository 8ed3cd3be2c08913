"""The kill matrix: what it claims, and what it exits with."""

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from seatrial.checks import registered
from seatrial.errors import ConfigurationError
from seatrial.interruption import Interruption
from seatrial.request import RunResult
from seatrial.sabotage.catalogue import saboteur_named
from seatrial.sabotage.prove import KillMatrix, Trying, check_claims, outcome, provable, prove
from seatrial.sabotage.saboteurs import NOOP, SABOTEURS
from seatrial.settings.loading import load
from seatrial.verdict.decision import Decision
from seatrial.verdict.measurement import Comparison, Measurement, Objective, Unit
from seatrial.verdict.verdicts import Verdict

SETTINGS = load(profile="prove")


@dataclass(frozen=True)
class Mine:
    id: str = "mine"
    title: str = "Mine"
    expected: tuple[str, ...] = ("monitoring.metrics",)
    level: str = "answers"

    @asynccontextmanager
    async def sabotage(self, launch):
        yield await launch()


def test_every_required_objective_and_check_names_a_saboteur_that_expects_it():
    by_id = {saboteur.id: saboteur for saboteur in SABOTEURS}
    for identifier, named in provable(SETTINGS).items():
        assert named, f"{identifier} names no saboteur"
        for name in named:
            assert identifier in by_id[name].expected, f"{name} does not expect {identifier}"
    check_claims(SETTINGS, SABOTEURS)


def test_every_profile_is_proven_by_the_same_catalogue():
    for profile in ("quick", "standard", "full"):
        assert set(provable(load(profile=profile))) <= set(provable(SETTINGS))


def test_every_saboteur_is_named_by_what_it_is_to_fail():
    claims = provable(SETTINGS)
    for saboteur in SABOTEURS:
        assert any(saboteur.id in claims[identifier] for identifier in saboteur.expected), saboteur.id


def test_the_no_op_expects_nothing_and_nobody_names_it():
    assert NOOP.expected == ()
    assert all(NOOP.id not in named for named in provable(SETTINGS).values())


@pytest.mark.parametrize(
    ("saboteur", "words"),
    [
        (Mine(expected=("monitoring.nothing",)), "monitoring.nothing"),
        (Mine(expected=()), "expects nothing"),
        (Mine(id="no_op"), "no_op"),
        (Mine(id="mute_health"), "two saboteurs"),
    ],
)
def test_claims_that_do_not_fit_are_refused(saboteur, words):
    with pytest.raises(ConfigurationError, match=words):
        check_claims(SETTINGS, (*SABOTEURS, saboteur))


def test_a_check_may_not_name_a_saboteur_that_does_not_expect_it():
    [metrics] = [check for check in registered() if check.id == "monitoring.metrics"]
    with pytest.raises(ConfigurationError, match="does not expect it"):
        check_claims(SETTINGS, [Mine(id=metrics.saboteurs[0], expected=("monitoring.health",))])


def test_only_the_bundled_target_is_sabotaged():
    with pytest.raises(ConfigurationError, match="bundled"):
        check_claims(load(profile="prove", target="http://127.0.0.1:1"), SABOTEURS)


def trying(name="s", *, killed_by=(), undecided=(), exit_code=0) -> Trying:
    return Trying(
        id=name,
        title=name,
        level="answers",
        expected=("a.b",),
        killed_by=killed_by,
        undecided=undecided,
        exit_code=exit_code,
        seconds=1.0,
    )


SOUND = trying("control")
KILLED = trying(killed_by=("a.b",), exit_code=1)
LIVES = trying()
DOUBTFUL = trying(undecided=("a.b",), exit_code=2)


@pytest.mark.parametrize(
    ("controls", "saboteurs", "more", "code"),
    [
        ((SOUND,), (KILLED,), {}, 0),
        ((SOUND,), (KILLED, LIVES), {}, 1),
        ((SOUND,), (KILLED, DOUBTFUL), {}, 2),
        ((SOUND,), (LIVES, DOUBTFUL), {}, 1),
        ((SOUND,), (KILLED,), {"unkilled_checks": ("c.d",)}, 1),
        ((SOUND,), (KILLED, DOUBTFUL), {"unkilled_checks": ("a.b",)}, 2),
        ((SOUND,), (KILLED, DOUBTFUL), {"unkilled_checks": ("a.b", "c.d")}, 1),
        ((SOUND,), (KILLED,), {"unproven": ("my.own.figure",)}, 0),
        ((trying(killed_by=("a.b",), exit_code=1),), (), {}, 1),
        ((trying(undecided=("a.b",), exit_code=2),), (), {}, 2),
        ((trying(undecided=("a.b",), exit_code=4),), (), {}, 4),
        ((trying(undecided=("a.b",), exit_code=3),), (), {}, 3),
        ((SOUND,), (KILLED, trying(undecided=("a.b",), exit_code=3)), {}, 3),
        ((SOUND,), (KILLED, trying(undecided=("a.b",), exit_code=4)), {}, 4),
        ((), (), {}, 5),
        ((SOUND,), (KILLED,), {"interrupted": True}, 130),
    ],
)
def test_exit_codes(controls, saboteurs, more, code):
    more = {"unkilled_checks": (), "seconds": 1.0} | more
    matrix = KillMatrix(controls=controls, saboteurs=saboteurs, **more)
    assert matrix.exit_code == code
    told = json.loads(matrix.as_json())
    assert told["total"] == len(saboteurs)
    assert told["killed"] == sum(one.killed for one in saboteurs)


def result(*verdicts: tuple[str, Verdict], internal_error: bool = False) -> RunResult:
    measurements = tuple(
        Measurement(
            id=identifier,
            category="x",
            scenario="y",
            name=identifier.rpartition(".")[2],
            unit=Unit.COUNT,
            value=1.0,
            samples=1,
            objective=Objective(id=identifier, comparison=Comparison.LESS, limit=1),
            verdict=verdict,
        )
        for identifier, verdict in verdicts
    )
    return RunResult(
        run_id="r",
        exit_code=1,
        decision=Decision.NOT_READY,
        measurements=measurements,
        checks=(),
        internal_error=internal_error,
    )


@pytest.mark.parametrize("verdict", [Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NOT_ASSESSED, None])
def test_only_a_fail_kills(verdict):
    found = [("x.y.a", verdict)] if verdict else []
    fared = outcome("mine", "Mine", Mine(), ("x.y.a",), result(*found), 1.0)
    assert (fared.killed, fared.undecided) == (False, ("x.y.a",))


def test_a_fail_kills_and_what_else_fell_is_collateral():
    found = [("x.y.a", Verdict.FAIL), ("x.y.b", Verdict.PASS), ("x.y.c", Verdict.FAIL)]
    fared = outcome("mine", "Mine", Mine(), ("x.y.a", "x.y.b"), result(*found), 1.0)
    assert (fared.killed_by, fared.undecided, fared.collateral) == (("x.y.a",), (), ("x.y.c",))


def test_a_fail_beside_an_error_of_ours_kills_nothing():
    fared = outcome("mine", "Mine", Mine(), ("x.y.a",), result(("x.y.a", Verdict.FAIL), internal_error=True), 1.0)
    assert (fared.killed, fared.undecided) == (False, ("x.y.a",))


def test_the_worst_of_two_verdicts_on_one_id_counts():
    found = result(("x.y.a", Verdict.PASS), ("x.y.a", Verdict.FAIL))
    assert found.verdict_of("x.y.a") is Verdict.FAIL
    assert found.verdict_of("x.y.z") is None


def test_nothing_to_try_proves_nothing(tmp_path):
    matrix = prove(
        [],
        SETTINGS,
        project=tmp_path,
        report_dir=tmp_path,
        run_id="r",
        interruption=Interruption(),
        stream=lambda folder: pytest.fail("no run is needed"),
        told=lambda fared: None,
        references=lambda saboteur: saboteur.id,
        whole=False,
    )
    assert matrix.exit_code == 5


def test_saboteurs_are_found_by_id_or_by_module():
    assert saboteur_named("mute_health").id == "mute_health"
    assert saboteur_named("seatrial.sabotage.saboteurs:NOOP") is NOOP
    for name, words in (("mute_helth", "mute_health"), ("no.such:X", "imported"), ("json:X", "imported")):
        with pytest.raises(ConfigurationError, match=words):
            saboteur_named(name)
