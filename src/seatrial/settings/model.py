"""The shape of seatrial.toml. Parsed once; everything behind it may trust it."""

import re
from datetime import date
from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from seatrial.settings.strict import Strict
from seatrial.verdict.objective import Comparison, Level, Objective, default_min_samples, split_id
from seatrial.verdict.waiver import Waiver

__all__ = [
    "CategorySettings",
    "EnvironmentSettings",
    "ObjectiveSettings",
    "ProfileSettings",
    "SettingsFile",
    "StageSettings",
    "TargetSettings",
    "WaiverSettings",
]

_ADAPTER = re.compile(r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")


class TargetSettings(Strict):
    """``[target]``: the system under trial."""

    kind: str = Field(
        default="bundled", description='"bundled", an address ("http://..."), or an adapter ("module:Class")'
    )
    lacks: tuple[str, ...] = Field(
        default=(), description="capabilities the target does not have; printed, not applicable"
    )
    disposable: bool = Field(
        default=False, description="whether restore, archive, kill switch and faults may be tried on it"
    )
    allow: tuple[str, ...] = Field(default=(), description="addresses other than loopback that faults may touch")
    options: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="handed to the adapter as they are"
    )

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, kind: str) -> str:
        if kind == "bundled" or kind.startswith(("http://", "https://")) or _ADAPTER.match(kind):
            return kind
        raise ValueError(
            f'{kind!r} is neither "bundled", nor an address ("http://..."), nor an adapter ("module:Class")'
        )

    @property
    def way(self) -> Literal["bundled", "http", "adapter"]:
        """How the target is reached."""
        if self.kind == "bundled":
            return "bundled"
        return "http" if self.kind.startswith(("http://", "https://")) else "adapter"

    @property
    def is_disposable(self) -> bool:
        """Whether it may be broken; the bundled target always may."""
        return self.disposable or self.way == "bundled"


class CategorySettings(Strict):
    """``[categories.<name>]``: one test file."""

    title: str
    description: str
    file: str
    critical: bool = True

    @field_validator("file")
    @classmethod
    def _a_test_file(cls, file: str) -> str:
        if PurePosixPath(file).suffix != ".py":
            raise ValueError(f"{file!r} is not a Python test file")
        return file


class StageSettings(Strict):
    """One stage of load. With ``rate`` it is an open loop, with ``users`` alone a closed one."""

    rate: float | None = Field(default=None, gt=0, description="requests due a second, open loop")
    seconds: float | None = Field(default=None, gt=0, description="length of the measured window")
    users: tuple[int, ...] = Field(default=(), description="concurrent users, one pass for each figure")
    operations: tuple[int, ...] = Field(default=(), description="operations a user, one figure for each of users")
    warm_up_seconds: float = Field(default=0, ge=0, description="not measured")

    @field_validator("users", "operations")
    @classmethod
    def _positive(cls, figures: tuple[int, ...]) -> tuple[int, ...]:
        if any(figure < 1 for figure in figures):
            raise ValueError(f"{list(figures)}: each must be 1 or more")
        return figures

    @model_validator(mode="after")
    def _complete(self) -> "StageSettings":
        if self.rate is None and not self.users:
            raise ValueError("a stage needs rate and seconds (open loop), or users and operations (closed loop)")
        if self.rate is not None and self.seconds is None:
            raise ValueError("a stage with a rate needs seconds")
        if self.rate is None and len(self.users) != len(self.operations):
            raise ValueError(f"{len(self.users)} figures in users but {len(self.operations)} in operations")
        return self

    @property
    def planned_samples(self) -> int:
        """Requests that the stage will make inside its measured window."""
        if self.rate is not None and self.seconds is not None:
            return int(self.rate * self.seconds)
        return sum(users * operations for users, operations in zip(self.users, self.operations, strict=True))

    def capped(self, most: int) -> "StageSettings":
        """The same stage with no more users than ``most``."""
        return self.model_copy(update={"users": tuple(min(users, most) for users in self.users)})


class ProfileSettings(Strict):
    """``[profiles.<name>]``: how long and how hard."""

    description: str = ""
    extends: str | None = Field(default=None, description="the profile that answers what this one does not say")
    leaks: bool = Field(default=False, description="whether growth is measured long enough to be judged")
    stages: dict[str, StageSettings] = Field(default_factory=dict)


class ObjectiveSettings(Strict):
    """``[objectives."<category>.<scenario>.<name>"]``."""

    comparison: Comparison
    limit: float
    min_samples: int | None = Field(default=None, ge=1, description="absent: the fewest with which a pass is possible")
    level: Level = Level.REQUIRED
    saboteurs: tuple[str, ...] = ()
    measurement: str | None = Field(default=None, description="the figure it reads, when not its own")
    stage: str | None = Field(default=None, description="the stage of the profile that measures it")
    profiles: tuple[str, ...] | None = Field(default=None, description="the profiles that judge it; absent: all")
    enabled: bool = Field(default=True, description="false takes an inherited objective away")

    def objective(self, identifier: str) -> Objective:
        """The objective under its id."""
        name = split_id(self.measurement or identifier)[2]
        fewest = self.min_samples or default_min_samples(name, self.comparison, self.limit)
        return Objective(
            id=identifier,
            comparison=self.comparison,
            limit=self.limit,
            min_samples=fewest,
            level=self.level,
            saboteurs=self.saboteurs,
            measurement=self.measurement,
        )


class WaiverSettings(Strict):
    """``[[waivers]]``: a known failure that somebody answers for, until a day."""

    id: str
    owner: str
    reason: str
    expires: date

    def waiver(self) -> Waiver:
        """The waiver as a value."""
        return Waiver(id=self.id, owner=self.owner, reason=self.reason, expires=self.expires)


class SettingsFile(Strict):
    """The whole of seatrial.toml, laid over the packaged defaults."""

    target: TargetSettings = TargetSettings()
    categories: dict[str, CategorySettings] = Field(default_factory=dict)
    weights: dict[str, float] = Field(default_factory=dict)
    profiles: dict[str, ProfileSettings] = Field(default_factory=dict)
    objectives: dict[str, ObjectiveSettings] = Field(default_factory=dict)
    waivers: tuple[WaiverSettings, ...] = ()


class EnvironmentSettings(Strict):
    """What the environment says. All of it is optional."""

    test_database_url: SecretStr | None = Field(default=None, alias="TEST_DATABASE_URL")
    databento_api_key: SecretStr | None = Field(default=None, alias="DATABENTO_API_KEY")
    google_application_credentials: str | None = Field(default=None, alias="GOOGLE_APPLICATION_CREDENTIALS")
    scenario_seconds: float = Field(default=300, gt=0, alias="PYTEST_TIMEOUT", description="time limit of one scenario")
    max_users: int | None = Field(default=None, ge=1, alias="STRESS_TEST_MAX_USERS", description="a cap")
    target_key: SecretStr | None = Field(default=None, alias="SEATRIAL_TARGET_KEY")
