"""Production readiness: one test a check; the score is made of all of them."""

import pytest

from seatrial.checks import Check, CheckContext, registered
from seatrial.events import CheckDone, utc_now
from seatrial.scenarios.context import Trial
from seatrial.target.protocol import TradingSystem
from seatrial.verdict.scoring import waive_check
from seatrial.verdict.verdicts import Verdict


class ProductionReadiness:
    """The checks of category ``production_readiness``; subclass it in a test file, or run it as it is."""

    @pytest.mark.parametrize("check", registered(), ids=lambda check: check.id)
    async def test_check(self, check: Check, advisor: TradingSystem, seatrial_trial: Trial) -> None:
        """Ask one readiness question and report the answer, whatever it is."""
        disposable = seatrial_trial.settings.target.is_disposable
        context = CheckContext(target=advisor, account_name=seatrial_trial.account_name, disposable=disposable)
        try:
            result = await check.run(context)
        except Exception as error:
            # It stays in the score, in doubt; that it is our error is told by the test that ends with it.
            result = check.result(Verdict.ERROR, None, f"{type(error).__name__}: {error}")
            seatrial_trial.emit(CheckDone(ts=utc_now(), run_id=seatrial_trial.run_id, check=result))
            raise
        result = waive_check(result, seatrial_trial.settings.waivers, utc_now().date())
        seatrial_trial.emit(CheckDone(ts=utc_now(), run_id=seatrial_trial.run_id, check=result))
        if result.verdict.is_neutral:
            pytest.skip(result.evidence)
        if result.verdict not in (Verdict.PASS, Verdict.WAIVED):
            pytest.fail(f"{result.id} is {result.verdict}: {result.evidence}\n{result.remediation}", pytrace=False)
