import pytest

from seatrial.checks import Check, CheckContext, Finding, InDoubt, NotAssessed, check, registered
from seatrial.errors import ConfigurationError, TargetFailure
from seatrial.settings.loading import load
from seatrial.verdict.scoring import Gap
from seatrial.verdict.verdicts import Verdict


def a_check(probe, **more) -> Check:
    return Check(
        id="security.mine",
        title="Mine",
        critical=False,
        blocker=False,
        weight=1.0,
        remediation="mend it",
        saboteurs=("s",),
        needs=more.get("needs", ()),
        breaks=more.get("breaks", False),
        probe=probe,
    )


def raising(error):
    async def probe(context):
        raise error

    return probe


def finding(score):
    async def probe(context):
        return Finding(score=score, evidence="seen")

    return probe


CONTEXT = CheckContext(target=object(), account_name=str)


@pytest.mark.parametrize(
    ("probe", "verdict", "score"),
    [
        (finding(1.0), Verdict.PASS, 1.0),
        (finding(0.99), Verdict.FAIL, 0.99),
        (raising(TargetFailure("refused")), Verdict.FAIL, 0.0),
        (raising(InDoubt("few")), Verdict.INCONCLUSIVE, None),
        (raising(NotAssessed("no rights", Gap.PRIVILEGE)), Verdict.NOT_ASSESSED, None),
    ],
)
async def test_what_a_probe_says_becomes_a_verdict(probe, verdict, score):
    result = await a_check(probe).run(CONTEXT)
    assert (result.verdict, result.score) == (verdict, score)
    assert result.evidence


async def test_an_error_of_ours_is_not_the_target_s_fail():
    with pytest.raises(KeyError):
        await a_check(raising(KeyError("ours"))).run(CONTEXT)


async def test_a_declared_capability_that_is_not_there_is_never_skipped_silently():
    result = await a_check(finding(1.0), needs=("control",)).run(CONTEXT)
    assert result.verdict is Verdict.NOT_APPLICABLE
    assert "control" in result.evidence


def test_no_check_lands_without_its_saboteur_or_twice():
    with pytest.raises(ConfigurationError, match="saboteur"):
        check("security.unproven", "Unproven", remediation="-", saboteurs=())
    with pytest.raises(ConfigurationError, match="two checks"):
        check(registered()[0].id, "Again", remediation="-", saboteurs=("s",))


def test_every_check_belongs_to_a_weighted_category_and_every_category_has_one():
    assert {known.category for known in registered()} == set(load().weights)
    assert all(known.remediation and known.weight > 0 for known in registered())


def test_blockers_are_critical():
    assert all(known.critical for known in registered() if known.blocker)
