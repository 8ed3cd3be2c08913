"""What no run could break or meet is an error before it starts."""

from collections.abc import Mapping

from seatrial.errors import ConfigurationError
from seatrial.settings.model import StageSettings
from seatrial.settings.strict import did_you_mean
from seatrial.verdict.judgement import OFFER_FACTOR
from seatrial.verdict.objective import Comparison, Objective, default_min_samples, percentile_of_name, split_id

__all__ = ["MIN_LATENCY_RATE", "MIN_LATENCY_SECONDS", "check_plan"]

MIN_LATENCY_SECONDS = 15.0
MIN_LATENCY_RATE = 20.0
"""A shorter or slower open-loop stage misses a freeze of three seconds too often to judge latency."""


def check_plan(profile: str, stages: Mapping[str, StageSettings], objectives: Mapping[Objective, str | None]) -> None:
    """Refuse objectives that the profile's stages can never decide.

    Parameters
    ----------
    profile
        Its name, for the messages.
    stages
        The profile's stages.
    objectives
        Each with the stage that measures it, or ``None``.

    Raises
    ------
    ConfigurationError
        Planned samples under ``min_samples``, ``min_samples`` under what a pass takes, a floor above the offered rate, a
        latency stage that is too short, an unknown stage, an estimate compared with ``==``.
    """
    for objective, stage in objectives.items():
        _check_objective(objective)
        if stage is None:
            continue
        if stage not in stages:
            raise ConfigurationError(
                f"objective {objective.id!r}: profile {profile!r} has no stage {stage!r}; {did_you_mean(stage, stages)}"
            )
        _check_stage(objective, profile, stage, stages[stage])


def _check_objective(objective: Objective) -> None:
    name = split_id(objective.measures)[2]
    estimated = percentile_of_name(name) is not None or name.endswith("_rate")
    if estimated and objective.comparison is Comparison.EQUAL:
        raise ConfigurationError(f"objective {objective.id!r}: '==' can never be shown by samples; use a bound")
    fewest = default_min_samples(name, objective.comparison, objective.limit)
    if objective.min_samples < fewest:
        raise ConfigurationError(
            f"objective {objective.id!r}: min_samples is {objective.min_samples}, but with fewer than {fewest} samples "
            "it can never pass; raise it or leave it out"
        )
    if name.endswith("_rate") and not _between_0_and_1(objective):
        raise ConfigurationError(
            f"objective {objective.id!r}: limit {objective.limit:g} of a rate can be neither met nor missed; "
            "rates are shares, 0.05 is 5 %"
        )


def _between_0_and_1(objective: Objective) -> bool:
    return 0 < objective.limit < 1


def _check_stage(objective: Objective, profile: str, name: str, stage: StageSettings) -> None:
    where = f"objective {objective.id!r} on stage {name!r} of profile {profile!r}"
    if stage.planned_samples < objective.min_samples:
        raise ConfigurationError(
            f"{where}: {stage.planned_samples} samples are planned, {objective.min_samples} are needed; lengthen the stage "
            f"or leave the profile out of the objective's `profiles`"
        )
    if stage.rate is None:
        return
    metric = split_id(objective.measures)[2]
    needed = OFFER_FACTOR * objective.limit
    if metric.startswith("throughput") and objective.comparison.is_floor and stage.rate < needed * (1 - 1e-9):
        raise ConfigurationError(
            f"{where}: {stage.rate:g}/s are offered, a floor of {objective.limit:g}/s needs {needed:g}/s; raise the rate"
        )
    if percentile_of_name(metric) is not None and (
        (stage.seconds or 0) < MIN_LATENCY_SECONDS or stage.rate < MIN_LATENCY_RATE
    ):
        raise ConfigurationError(
            f"{where}: {stage.seconds:g} s at {stage.rate:g}/s miss a short freeze; judging latency takes "
            f"{MIN_LATENCY_SECONDS:g} s at {MIN_LATENCY_RATE:g}/s or more"
        )
