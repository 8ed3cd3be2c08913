import io
import re

import pytest

from seatrial.report.console import ConsoleReport, make_console

CONTROL = re.compile(r"\x1b|\r|\x07")


class Stream(io.TextIOWrapper):
    """A stream of a chosen encoding, which is a terminal or is not."""

    def __init__(self, encoding="utf-8", terminal=False):
        super().__init__(io.BytesIO(), encoding=encoding, newline="")
        self.terminal = terminal

    def isatty(self):
        return self.terminal

    def text(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


@pytest.fixture
def printed(script, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)

    def build(*, verbose=False, encoding="utf-8", terminal=False, events=None, **changes):
        stream = Stream(encoding, terminal)
        report = ConsoleReport(make_console(stream), verbose=verbose)
        for event in events or script(**changes):
            report.handle(event)
        report.close()
        return stream.text()

    return build


def test_the_specifications_look(printed):
    text = printed()
    assert text.startswith("🚀 PRODUCTION DEPLOYMENT VALIDATION\n" + "=" * 80 + "\n")
    for block in (
        "\n📋 Category 1/4: End To End Workflows\nComplete trading workflow validation\n✅ End To End Workflows: PASSED\n",
        "\n📋 Category 2/4: Stress Testing\nConcurrent usage and system limits\n✅ Stress Testing: PASSED\n",
        "\n📋 Category 3/4: Real World Scenarios\nMarket scenarios and usage patterns\n✅ Real World Scenarios: PASSED\n",
        "\n📋 Category 4/4: Production Readiness\nDeployment readiness assessment\n✅ Production Readiness: PASSED\n",
        "✅ SYSTEM READY FOR PRODUCTION DEPLOYMENT",
        "Success Rate: 100.0%",
        "Test Duration: 127.3s",
    ):
        assert block in text
    assert re.search(r"┃ Category +┃ Status +┃ Critical +┃ Details +┃", text)
    assert re.search(r"│ Stress Testing +│ ✅ PASSED +│ 🔴 +│ \d+ objectives? met +│", text)
    assert re.search(r"┃ +Deployment Status +┃", text)
    assert text.endswith("🎉 All production validation tests passed!\n")


def test_rule_7_1_both_weights_and_the_score_are_shown(printed):
    text = printed()
    assert re.search(r"│ Performance +│ +0\.92 │ +25 │ +20\.8% │", text)
    assert re.search(r"│ Overall +│ +0\.85 │ +120 │", text)


@pytest.mark.parametrize("changes", [{}, {"slow": 60, "failed_check": "security"}, {"only": ["stress_testing"]}])
@pytest.mark.parametrize("verbose", [True, False])
def test_plain_text_has_no_control_codes_and_fits_80_columns(printed, changes, verbose):
    from rich.cells import cell_len

    text = printed(verbose=verbose, **changes)
    assert not CONTROL.search(text)
    for line in text.splitlines():
        assert cell_len(line) <= 80 or not line.strip().count(" ")


def test_failures_show_id_value_limit_evidence_and_remediation(printed):
    text = printed(slow=60, failed_check="data_integrity")
    assert "❌ stress_testing.concurrent_recommendations.response_time_p95: fail" in text
    assert "measured 3 s, required < 2 s" in text
    assert "evidence: 600 samples, bound 3 s" in text
    assert "what to do: Profile the slow operations" in text
    assert "❌ data_integrity.main: fail, score 0.95 [blocker, critical]" in text
    assert "evidence: asked for data_integrity, got 0.95" in text
    assert "what to do: improve data_integrity" in text
    assert "❌ SYSTEM NOT READY FOR PRODUCTION DEPLOYMENT" in text
    assert "- production_readiness failed: blocker data_integrity.main failed" in text
    assert text.endswith("❌ Production validation failed: Stress Testing, Production Readiness\n")


def test_rule_2_6_a_missed_target_is_reported(printed):
    text = printed(cpu=0.75)
    assert "cpu_sustained_target: fail (a" in text
    assert "1 target missed" in text
    assert "🎉 All production validation tests passed!" in text


def test_rule_2_3_doubt_has_its_own_panel(printed):
    text = printed(slow=30)
    assert "❓ Stress Testing: INCONCLUSIVE" in text
    assert "❓ INCONCLUSIVE: readiness for production deployment is not known" in text
    assert "READY FOR PRODUCTION" not in text


def test_rule_2_7_a_partial_run_says_so(printed):
    text = printed(only=["stress_testing"])
    assert "📋 Category 1/1: Stress Testing" in text
    assert "PARTIAL RUN, not a deployment decision" in text
    assert text.endswith("The selected categories passed. Not a deployment decision.\n")
    failed = printed(only=["stress_testing"], slow=60)
    assert "SELECTED CATEGORIES FAILED" in failed


def test_verbose_lists_every_measurement_and_check(printed):
    text = printed(verbose=True)
    for words in (
        "stress_testing.concurrent_recommendations.requests_offered",
        "0%, required < 5% (600 samples, bound 0.498%)",
        "✅ security.main: pass, score 0.75 [critical]",
        "evidence: asked for security, got 0.75",
        "fault dependency_down verified",
        "Concurrent recommendations: pass in 20.0 s",
    ):
        assert words in text
        assert words not in printed()


def test_an_error_of_ours_is_told(printed):
    text = printed(error=True)
    assert "💥 internal error in load generator: socket table is full" in text
    assert "💥 End To End Workflows: ERROR" in text


def test_a_stream_that_cannot_hold_unicode(printed):
    text = printed(encoding="ascii", slow=60)
    assert text.isascii()
    assert "[FAIL] Stress Testing: FAILED" in text


def test_a_terminal_gets_progress_and_colours(printed, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = printed(terminal=True)
    assert "\x1b[" in text
    assert "nominal" in text


def test_a_run_that_broke_off_is_summed_up(printed, script):
    text = printed(events=script()[:8])
    assert "the run broke off before it was finished" in text
    assert "NOT RUN" in text
