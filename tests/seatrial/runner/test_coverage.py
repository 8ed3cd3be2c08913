import pytest

from seatrial.checks import registered
from seatrial.coverage import READINESS, category_measuring, unasked, unmeasured
from seatrial.errors import ConfigurationError
from seatrial.events import ScenarioDone, utc_now
from seatrial.settings.loading import load
from seatrial.verdict.scoring import score
from seatrial.verdict.verdicts import Verdict

SETTINGS = load(profile="quick")
OPEN = "real_world_scenarios"


def done(verdict, scenario="market_open") -> ScenarioDone:
    return ScenarioDone(
        ts=utc_now(), run_id="r", category=OPEN, scenario=scenario, title="t", node="n", verdict=verdict, seconds=0.0
    )


def gaps(*scenarios, only=()):
    found = unmeasured(OPEN, SETTINGS.objectives, scenarios=scenarios, measurements=[], only=only)
    assert all(measurement.verdict is Verdict.INCONCLUSIVE for measurement in found)
    return {measurement.id.rpartition(".")[2] for measurement in found}


def test_what_nothing_measured_is_in_doubt():
    expected = {objective.name for objective in SETTINGS.objectives if objective.category == OPEN}
    assert gaps(done(Verdict.PASS)) == expected
    assert gaps(done(Verdict.NOT_ASSESSED)) == expected
    assert gaps() == expected
    assert gaps(only=(f"{OPEN}.market_open.throughput",)) == {"throughput"}


def test_a_failed_category_and_a_scenario_that_the_target_lacks_are_not_asked_again():
    assert gaps(done(Verdict.FAIL)) == set()
    assert gaps(done(Verdict.NOT_APPLICABLE)) == set()


def test_a_blocker_that_was_never_asked_keeps_the_score_from_passing():
    asked = [check.result(Verdict.PASS, 1.0, "seen") for check in registered() if check.id != "security.authentication"]
    assert [check.id for check in unasked(asked)] == ["security.authentication"]
    assert score(asked, SETTINGS.weights, SETTINGS.policy).verdict is Verdict.PASS
    assert score([*asked, *unasked(asked)], SETTINGS.weights, SETTINGS.policy).verdict is Verdict.INCONCLUSIVE


def test_ids_lead_to_their_category():
    assert category_measuring(f"{OPEN}.market_open.throughput", SETTINGS) == OPEN
    assert category_measuring("monitoring.health", SETTINGS) == READINESS
    with pytest.raises(ConfigurationError, match="neither an objective"):
        category_measuring("nothing.known.here", SETTINGS)
