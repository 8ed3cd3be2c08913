"""A scenario's context, and what it told."""

from dataclasses import dataclass, field

import pytest

from seatrial.scenarios.context import ScenarioContext, Trial
from seatrial.settings.loading import load

OBJECTIVES = """
[objectives."stress_testing.mine.seconds"]
comparison = "<"
limit = 2
[objectives."stress_testing.mine.seconds_target"]
comparison = "<"
limit = 1
level = "target"
measurement = "stress_testing.mine.seconds"
[objectives."stress_testing.mine.error_rate"]
comparison = "<"
limit = 0.05
[objectives."stress_testing.mine.steps_failed"]
comparison = "=="
limit = 0
[objectives."stress_testing.mine.memory_bytes"]
comparison = "<"
limit = 1000
"""


@dataclass
class Told:
    """The events of a trial, by kind."""

    events: list = field(default_factory=list)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def make_context(tmp_path, told):
    """Make the context of a scenario called ``mine`` of category ``stress_testing``."""

    def make(*, target=None, toml: str = "") -> ScenarioContext:
        file = tmp_path / "seatrial.toml"
        file.write_text(OBJECTIVES + toml)
        trial = Trial(run_id="r1", settings=load(file, profile="quick"), emit=told.events.append)
        return ScenarioContext(
            trial, target, category="stress_testing", scenario="mine", title="Mine", node="test_x.py::test_mine"
        )

    return make
