"""Every knob of the service, where its value may come from, and in which order.

Later ones win: the defaults below, ``config/default.toml``, ``config/<environment>.toml``, ``WHEELHOUSE_*`` variables (two
underscores between levels: ``WHEELHOUSE_MARKET__STALE_AFTER``), options of the command line. The environment is named by
``WHEELHOUSE_ENV`` and is ``development`` unless set.

The defaults are in this module, so an installed wheelhouse works where there is no ``config`` folder. A folder is an overlay:
``./config``, or the one that ``WHEELHOUSE_CONFIG_DIR`` names. Unknown keys are errors, with the nearest known one.
"""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from wheelhouse.clock import parse_clock
from wheelhouse.errors import ConfigurationError
from wheelhouse.secrets import REDACTED

Environment = Literal["development", "staging", "production"]
PREFIX = "WHEELHOUSE_"
ENVIRONMENT_VARIABLE = "WHEELHOUSE_ENV"
CONFIG_DIR_VARIABLE = "WHEELHOUSE_CONFIG_DIR"

_PRODUCTION_REQUESTS_PER_SECOND = 100.0
_NOT_SETTINGS = frozenset({ENVIRONMENT_VARIABLE, CONFIG_DIR_VARIABLE})


class Section(BaseModel):
    """A table of the configuration; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(Section):
    """Where and how the HTTP service listens."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8420
    """0 picks a free one."""
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    max_body_bytes: Annotated[int, Field(ge=1024)] = 64 * 1024 * 1024
    drain_seconds: Annotated[float, Field(gt=0, le=600)] = 8.0
    """How long requests under way may take to finish after SIGTERM."""
    threads: Annotated[int, Field(ge=1, le=128)] = 8
    """Threads for blocking work on the store."""
    backlog: Annotated[int, Field(ge=16)] = 2048


class RateLimitSettings(Section):
    """A token bucket per key. Off outside production unless set; in production 100 a second unless set."""

    requests_per_second: Annotated[float, Field(gt=0)] | None = None
    burst: Annotated[int, Field(ge=1)] | None = None
    """Requests at once; two seconds' worth unless set."""


class MarketSettings(Section):
    """How market data is judged."""

    stale_after: Annotated[float, Field(gt=0)] = 300.0
    """Seconds of session time after which a datum is stale."""
    default_rate: Annotated[float, Field(gt=-0.5, lt=1.0)] = 0.0
    """Risk-free rate, continuously compounded a year, of symbols without terms."""
    refresh_seconds: Annotated[float, Field(gt=0)] = 5.0
    """How often the service looks for chains that went stale and sessions that closed (real seconds)."""


class FeedSettings(Section):
    """Whether the service needs a running feed to be ready."""

    required: bool = False


class FeeSettings(Section):
    """What the broker takes, in USD."""

    option_contract: Annotated[Decimal, Field(ge=0)] = Decimal("0.65")
    stock_share: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    assignment: Annotated[Decimal, Field(ge=0)] = Decimal(0)


class HouseSettings(Section):
    """What the house asks for on top of Regulation T."""

    minimum_per_share: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    multiplier: Annotated[Decimal, Field(ge=1)] = Decimal(1)


class DatabentoSettings(Section):
    """Databento's gateways and key."""

    api_key: SecretStr | None = None
    """Value or reference; ``DATABENTO_API_KEY`` where unset."""
    gateway: str | None = None
    live_host: str | None = None
    live_port: Annotated[int, Field(ge=1, le=65535)] | None = None


class LogSettings(Section):
    """What is logged to standard error, as JSON lines."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    requests: bool = True
    """One line for each request."""


class Settings(BaseSettings):
    """The whole configuration, validated before anything starts."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    environment: Environment = "development"
    database_url: str = "duckdb:///wheelhouse.db"
    clock: str = "system"
    bootstrap_key: SecretStr | None = None
    """An admin's key, stored hashed at start. Refused in production."""
    broker: Literal["paper"] = "paper"
    cash_rate: Annotated[float, Field(ge=-0.1, lt=1.0)] = 0.0
    """What idle cash earns a year."""
    server: ServerSettings = ServerSettings()
    rate_limit: RateLimitSettings = RateLimitSettings()
    market: MarketSettings = MarketSettings()
    feed: FeedSettings = FeedSettings()
    fees: FeeSettings = FeeSettings()
    house: HouseSettings = HouseSettings()
    databento: DatabentoSettings = DatabentoSettings()
    log: LogSettings = LogSettings()
    policy: dict[str, str | int | float | bool | None] = {}
    """Knobs of the wheel's policy that differ from its default preset; see ``wheelhouse.strategy.policy``."""
    sectors: dict[str, str] = {}
    """Sector of each underlying, for the policy's limit by sector; a name without one is a sector of its own."""
    targets: dict[str, Annotated[float, Field(ge=0, le=1)]] = {}
    """Weight of each underlying that rebalancing aims at, as a fraction of the equity; without any, the names held share equally."""

    @property
    def requests_per_second(self) -> float | None:
        """Requests a second that one key may send, None for no limit."""
        if self.rate_limit.requests_per_second is None and self.environment == "production":
            return _PRODUCTION_REQUESTS_PER_SECOND
        return self.rate_limit.requests_per_second

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options first, then variables; files come in by :func:`load_settings`, which names them in errors."""
        del dotenv_settings, file_secret_settings
        return (init_settings, env_settings, _FileSource(settings_cls))


class _FileSource(PydanticBaseSettingsSource):
    """The TOML files of the configuration folder, merged."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        del field
        return self().get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        environment = _environment()
        merged: dict[str, Any] = {"environment": environment}
        for path in config_files(environment):
            _merge(merged, _read(path))
        if merged["environment"] != environment:
            raise ConfigurationError(
                f"the environment is named by {ENVIRONMENT_VARIABLE} ({environment!r}), not by a configuration file ({merged['environment']!r})"
            )
        return merged


def load_settings(**options: Any) -> Settings:
    """Settings from all sources.

    Parameters
    ----------
    options
        Values that win over every other source, as nested mappings by field name; None means not given.

    Raises
    ------
    ConfigurationError
        A file cannot be read, a key is unknown, a value is out of bounds, or two settings contradict each other.
    """
    given = _without_none(options)
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise ConfigurationError("configuration: " + "; ".join(_explain(error))) from error
    if settings.environment == "production" and settings.bootstrap_key is not None:
        raise ConfigurationError(
            "WHEELHOUSE_BOOTSTRAP_KEY is refused in environment 'production'; make keys with 'wheelhouse keys create'"
        )
    parse_clock(settings.clock, environment=settings.environment)
    return settings


def config_files(environment: str) -> list[Path]:
    """The configuration files that exist, in the order in which they are read."""
    folder = Path(os.environ.get(CONFIG_DIR_VARIABLE) or "config")
    if os.environ.get(CONFIG_DIR_VARIABLE) and not folder.is_dir():
        raise ConfigurationError(f"{CONFIG_DIR_VARIABLE} names {str(folder)!r}, which is no folder")
    return [path for name in ("default", environment) if (path := folder / f"{name}.toml").is_file()]


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Names of `WHEELHOUSE_*` variables that no setting reads, sorted: most likely misspelt."""
    known = {name.upper() for name in Settings.model_fields}
    return sorted(
        name
        for name in environ
        if name.startswith(PREFIX)
        and name not in _NOT_SETTINGS
        and name.removeprefix(PREFIX).split("__")[0].upper() not in known
    )


def redacted(settings: Settings) -> dict[str, Any]:
    """The settings as JSON-ready values, every secret and the password of the database hidden."""
    values = settings.model_dump(mode="json")
    values["database_url"] = redact_url(settings.database_url)
    return {key: _hide(value) for key, value in values.items()}


def redact_url(url: str) -> str:
    """A database's address without its password."""
    scheme, separator, rest = url.partition("://")
    credentials, at, place = rest.rpartition("@")
    if not at:
        return url
    user, colon, _password = credentials.partition(":")
    return f"{scheme}{separator}{user}{':' + REDACTED if colon else ''}@{place}"


def _hide(value: Any) -> Any:
    # pydantic dumps a SecretStr to JSON as its own row of asterisks already; this covers a changed default.
    if isinstance(value, SecretStr):
        return REDACTED
    if isinstance(value, dict):
        return {key: _hide(inner) for key, inner in value.items()}
    return value


def _environment() -> str:
    environment = os.environ.get(ENVIRONMENT_VARIABLE) or "development"
    choices = ("development", "staging", "production")
    if environment not in choices:
        raise ConfigurationError(
            f"{ENVIRONMENT_VARIABLE}={environment!r} is none of {', '.join(choices)}{_did_you_mean(environment, choices)}"
        )
    return environment


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"configuration file {path} cannot be read: {error}") from error


def _merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    for key, value in other.items():
        inner = into.get(key)
        if isinstance(inner, dict) and isinstance(value, dict):
            _merge(inner, value)
        else:
            into[key] = value


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: _without_none(value) if isinstance(value, Mapping) else value for key, value in values.items()}
    return {key: value for key, value in kept.items() if value is not None and value != {}}


def _explain(error: ValidationError) -> Iterator[str]:
    for item in error.errors(include_url=False, include_input=False):
        place = [str(part) for part in item["loc"]]
        if item["type"] == "extra_forbidden":
            yield f"unknown setting {'.'.join(place)!r}{_did_you_mean(place[-1], _siblings(place[:-1]))}"
        else:
            yield f"setting {'.'.join(place)!r}: {item['msg']}"


def _siblings(place: list[str]) -> list[str]:
    model: type[BaseModel] = Settings
    for name in place:
        annotation = model.model_fields[name].annotation if name in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)


def _did_you_mean(word: str, choices: list[str] | tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, choices, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
