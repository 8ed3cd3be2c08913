from hypothesis import given
from hypothesis import strategies as st

from seatrial.verdict.verdicts import Verdict, worst


def test_rule_2_1_the_worst_first():
    order = [Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.WAIVED, Verdict.PASS]
    for index, verdict in enumerate(order):
        assert worst(order[index:]) is verdict


def test_rule_2_1_neutral_verdicts_do_not_count():
    assert worst([Verdict.NOT_APPLICABLE, Verdict.PASS, Verdict.NOT_ASSESSED]) is Verdict.PASS
    assert worst([]) is Verdict.NOT_ASSESSED
    assert worst([Verdict.NOT_APPLICABLE]) is Verdict.NOT_APPLICABLE
    assert worst([Verdict.NOT_APPLICABLE, Verdict.NOT_ASSESSED]) is Verdict.NOT_ASSESSED


VERDICTS = st.lists(st.sampled_from(Verdict))


@given(VERDICTS, VERDICTS)
def test_merging_is_associative_commutative_and_idempotent(left, right):
    assert worst([*left, *right]) is worst([*right, *left])
    assert worst([*left, *left]) is worst(left)
    if left and right:
        assert worst([worst(left), worst(right)]) is worst([*left, *right])
