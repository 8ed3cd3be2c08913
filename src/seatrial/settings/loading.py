"""From the packaged defaults, seatrial.toml and the environment to the settings of one run."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from pydantic import ValidationError

from seatrial.errors import ConfigurationError
from seatrial.settings.model import (
    CategorySettings,
    EnvironmentSettings,
    ObjectiveSettings,
    ProfileSettings,
    SettingsFile,
    StageSettings,
    TargetSettings,
)
from seatrial.settings.planning import check_plan
from seatrial.settings.strict import did_you_mean
from seatrial.verdict.objective import Objective
from seatrial.verdict.policy import Policy, policy_named
from seatrial.verdict.waiver import Waiver

__all__ = ["FILE_NAME", "TrialSettings", "default_text", "load"]

FILE_NAME = "seatrial.toml"
_DEFAULTS = "the packaged defaults"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSettings:
    """What one run is told.

    Parameters
    ----------
    profile, stages, leaks
        The chosen profile's name, its stages with what it extends, and whether it assesses leaks.
    objectives
        Those that this profile judges.
    left_out
        Ids of the objectives that this profile does not judge: ``not_assessed``.
    source
        The file that was laid over the defaults, if any.
    """

    target: TargetSettings
    categories: Mapping[str, CategorySettings]
    weights: Mapping[str, float]
    profile: str
    stages: Mapping[str, StageSettings]
    leaks: bool
    policy: Policy
    objectives: tuple[Objective, ...]
    left_out: tuple[str, ...]
    waivers: tuple[Waiver, ...]
    environment: EnvironmentSettings
    source: Path | None = None

    def objectives_for(self, measurement: str) -> tuple[Objective, ...]:
        """Every objective that reads a measurement; empty when it is printed, unjudged."""
        return tuple(objective for objective in self.objectives if objective.measures == measurement)

    def stage(self, name: str) -> StageSettings:
        """A stage of the profile.

        Raises
        ------
        ConfigurationError
            The profile has no such stage.
        """
        if name not in self.stages:
            raise ConfigurationError(
                f"profile {self.profile!r} has no stage {name!r}; {did_you_mean(name, self.stages)}"
            )
        return self.stages[name]

    def select(self, names: Sequence[str]) -> dict[str, CategorySettings]:
        """The named categories in the order of the settings; all of them when none is named.

        Raises
        ------
        ConfigurationError
            A name is not a category.
        """
        for name in names:
            if name not in self.categories:
                raise ConfigurationError(f"category {name!r} is not known; {did_you_mean(name, self.categories)}")
        return {name: found for name, found in self.categories.items() if not names or name in names}

    def check_metrics(self, known: Iterable[str]) -> None:
        """Refuse objectives that read a measurement which no scenario takes.

        Raises
        ------
        ConfigurationError
            With the nearest known id.
        """
        taken = sorted(known)
        for objective in self.objectives:
            if objective.measures not in taken:
                raise ConfigurationError(
                    f"objective {objective.id!r} reads {objective.measures!r}, which no scenario measures; "
                    f"{did_you_mean(objective.measures, taken)}"
                )


def default_text() -> str:
    """The packaged defaults as TOML."""
    return resources.files("seatrial.settings").joinpath("defaults.toml").read_text(encoding="utf-8")


def load(
    path: Path | None = None,
    *,
    profile: str = "standard",
    policy: str = "standard",
    target: str | None = None,
    env: Mapping[str, str] | None = None,
    files: Mapping[str, Mapping[str, object]] | None = None,
) -> TrialSettings:
    """Load and check the settings of one run.

    Parameters
    ----------
    path
        A ``seatrial.toml``; ``None`` means the defaults alone.
    profile, policy
        Names.
    target
        Overrides ``[target] kind``.
    env
        The environment; only the variables of :class:`EnvironmentSettings` are read, blank ones are as if absent.
    files
        A table for each test file found, by category; one that no category names yet is a new category.

    Raises
    ------
    ConfigurationError
        Anything that would keep a run from being judged, found before it starts: unknown keys, values of the wrong type,
        unknown names, planned samples under ``min_samples``, a floor above the offered rate.
    """
    source = _DEFAULTS if path is None else str(path)
    merged: dict[str, object] = tomllib.loads(default_text())
    if path is not None:
        merged = _laid_over(merged, _read(path))
    if target is not None:
        merged = _laid_over(merged, {"target": {"kind": target}})
    merged["categories"] = _with_new_files(merged["categories"], files or {})
    try:
        file = SettingsFile.model_validate(merged)
    except ValidationError as cause:
        overridden = target is not None and any(it["loc"] == ("target", "kind") for it in cause.errors())
        raise ConfigurationError(_told("--target" if overridden else source, cause)) from cause
    environment = _environment(env or {})
    stages, leaks = _profile(file.profiles, profile, source)
    if environment.max_users is not None:
        stages = {name: stage.capped(environment.max_users) for name, stage in stages.items()}
    enabled = {key: given for key, given in file.objectives.items() if given.enabled}
    for key, given in enabled.items():
        _check_names(key, given, file, source)
    judged = {key: given for key, given in enabled.items() if given.profiles is None or profile in given.profiles}
    settings = TrialSettings(
        target=file.target,
        categories=file.categories,
        weights=file.weights,
        profile=profile,
        stages=stages,
        leaks=leaks,
        policy=policy_named(policy),
        objectives=tuple(given.objective(key) for key, given in judged.items()),
        left_out=tuple(key for key in enabled if key not in judged),
        waivers=tuple(given.waiver() for given in file.waivers),
        environment=environment,
        source=path,
    )
    check_plan(profile, stages, {o: judged[o.id].stage for o in settings.objectives})
    if not any(weight > 0 for weight in file.weights.values()) or any(weight < 0 for weight in file.weights.values()):
        raise ConfigurationError(f"{source}: [weights] {file.weights}: none may be negative, and one must be over 0")
    return settings


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as cause:
        raise ConfigurationError(f"{path} cannot be read: {cause.strerror}") from cause
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise ConfigurationError(f"{path} is not TOML: {cause}") from cause


def _laid_over(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    """Tables merge key by key; anything else, lists too, is replaced. A stage of a profile is one thing and is replaced."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _laid_over(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _with_new_files(categories: object, files: Mapping[str, Mapping[str, object]]) -> object:
    if not isinstance(categories, dict):
        return categories
    named = {table.get("file") for table in categories.values() if isinstance(table, dict)}
    new = {name: dict(table) for name, table in files.items() if table["file"] not in named}
    # What the settings say of a new file is laid over what the file says of itself.
    return _laid_over(categories, {name: _laid_over(table, categories.get(name, {})) for name, table in new.items()})


def _profile(profiles: Mapping[str, ProfileSettings], name: str, source: str) -> tuple[dict[str, StageSettings], bool]:
    """The stages of a profile over those it extends, and whether it says or inherits that leaks are assessed."""
    chain: list[str] = []
    following: str | None = name
    while following is not None:
        if following not in profiles:
            raise ConfigurationError(
                f"{source}: profile {following!r} is not known; {did_you_mean(following, profiles)}"
            )
        if following in chain:
            raise ConfigurationError(f"{source}: profiles extend each other in a circle: {' -> '.join(chain)}")
        chain.append(following)
        following = profiles[following].extends
    stages: dict[str, StageSettings] = {}
    for link in reversed(chain):
        stages |= profiles[link].stages
    saying = next((link for link in chain if "leaks" in profiles[link].model_fields_set), None)
    return stages, profiles[saying].leaks if saying else False


def _check_names(key: str, given: ObjectiveSettings, file: SettingsFile, source: str) -> None:
    category = given.objective(key).category
    where = f'{source}: [objectives."{key}"]'
    if category not in file.categories:
        raise ConfigurationError(
            f"{where}: category {category!r} is not known; {did_you_mean(category, file.categories)}"
        )
    for profile in given.profiles or ():
        if profile not in file.profiles:
            raise ConfigurationError(
                f"{where}: profile {profile!r} is not known; {did_you_mean(profile, file.profiles)}"
            )


def _environment(env: Mapping[str, str]) -> EnvironmentSettings:
    names = [field.alias for field in EnvironmentSettings.model_fields.values() if field.alias]
    try:
        return EnvironmentSettings.model_validate({name: env[name] for name in names if env.get(name, "").strip()})
    except ValidationError as cause:
        raise ConfigurationError(_told("environment", cause)) from cause


def _told(source: str, cause: ValidationError) -> str:
    """Every problem on its line: where, which value, what is accepted."""
    lines = []
    for problem in cause.errors(include_url=False):
        where = ".".join(f'"{part}"' if "." in str(part) else str(part) for part in problem["loc"]) or "top level"
        message = problem["msg"].removeprefix("Value error, ")
        given = "" if isinstance(problem["input"], Mapping) else f" (given: {problem['input']!r})"
        lines.append(f"{source}: {where}: {message}{given}")
    return "\n".join(lines)
