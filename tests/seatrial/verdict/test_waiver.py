from datetime import date

import pytest

from seatrial.errors import ConfigurationError
from seatrial.verdict.waiver import Waiver, active_waiver, expired_waiver

MAY_1 = date(2026, 5, 1)


def waiver(expires=MAY_1, **more):
    return Waiver(**{"id": "security.tls", "owner": "ops", "reason": "behind a proxy", "expires": expires} | more)


def test_rule_2_9_a_waiver_ends_with_its_utc_day():
    assert waiver().is_active(MAY_1)
    assert not waiver().is_active(date(2026, 5, 2))
    assert active_waiver([waiver()], "security.tls", MAY_1) == waiver()
    assert active_waiver([waiver()], "security.other", MAY_1) is None
    assert expired_waiver([waiver()], "security.tls", date(2026, 5, 2)) == waiver()


@pytest.mark.parametrize("blank", ["owner", "reason", "id"])
def test_rule_2_9_a_waiver_needs_an_owner_and_a_reason(blank):
    with pytest.raises(ConfigurationError, match=f"{blank} is blank"):
        waiver(**{blank: " "})


def test_of_two_waivers_the_longer_holds():
    longer = waiver(expires=date(2026, 6, 1))
    assert active_waiver([waiver(), longer], "security.tls", MAY_1) == longer
