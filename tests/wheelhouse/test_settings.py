import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from wheelhouse.errors import ConfigurationError
from wheelhouse.settings import Settings, config_files, load_settings, redact_url, redacted, unknown_variables

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def empty_surroundings(monkeypatch, tmp_path):
    """No configuration but what a test makes: nothing in the environment, an empty working directory."""
    for name in list(__import__("os").environ):
        if name.startswith("WHEELHOUSE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_defaults_hold_where_there_is_no_folder():
    settings = load_settings()
    assert settings.environment == "development"
    assert settings.market.stale_after == 300
    assert settings.fees.option_contract == Decimal("0.65")
    assert settings.fees.assignment == 0
    assert settings.requests_per_second is None


def test_later_sources_win(monkeypatch, tmp_path):
    write(
        tmp_path / "config/default.toml",
        "database_url = 'duckdb:///a.db'\n[server]\nport = 1\nhost = '0.0.0.1'\n[market]\nstale_after = 1",
    )
    assert load_settings().server.port == 1
    write(tmp_path / "config/staging.toml", "[server]\nport = 2\n[log]\nlevel = 'error'")
    assert load_settings().server.port == 1
    monkeypatch.setenv("WHEELHOUSE_ENV", "staging")
    assert load_settings().server.port == 2
    monkeypatch.setenv("WHEELHOUSE_SERVER__PORT", "3")
    assert load_settings().server.port == 3
    settings = load_settings(server={"port": 4, "host": None}, database_url=None)
    assert settings.server.port == 4
    assert settings.server.host == "0.0.0.1"
    assert settings.log.level == "error"
    assert settings.market.stale_after == 1
    assert settings.database_url == "duckdb:///a.db"


def test_the_folder_can_be_named(monkeypatch, tmp_path):
    write(tmp_path / "elsewhere/default.toml", "[market]\nstale_after = 7")
    monkeypatch.setenv("WHEELHOUSE_CONFIG_DIR", str(tmp_path / "elsewhere"))
    assert load_settings().market.stale_after == 7
    assert [path.name for path in config_files("production")] == ["default.toml"]
    monkeypatch.setenv("WHEELHOUSE_CONFIG_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match="nowhere"):
        load_settings()


def test_unknown_keys_name_the_nearest_known_one(tmp_path):
    write(tmp_path / "config/default.toml", "[market]\nstale_aftr = 1")
    with pytest.raises(ConfigurationError, match=r"'market\.stale_aftr'; did you mean 'stale_after'"):
        load_settings()


def test_values_out_of_bounds_are_named(monkeypatch):
    monkeypatch.setenv("WHEELHOUSE_SERVER__PORT", "70000")
    with pytest.raises(ConfigurationError, match=r"server\.port"):
        load_settings()


def test_broken_files_are_named(tmp_path):
    write(tmp_path / "config/default.toml", "= 3")
    with pytest.raises(ConfigurationError, match=r"config/default\.toml"):
        load_settings()


def test_the_environment_is_checked(monkeypatch, tmp_path):
    monkeypatch.setenv("WHEELHOUSE_ENV", "prodction")
    with pytest.raises(ConfigurationError, match="did you mean 'production'"):
        load_settings()
    monkeypatch.setenv("WHEELHOUSE_ENV", "staging")
    write(tmp_path / "config/default.toml", "environment = 'production'")
    with pytest.raises(ConfigurationError, match="WHEELHOUSE_ENV"):
        load_settings()


def test_production_refuses_bootstrap_keys_and_simulated_clocks(monkeypatch):
    monkeypatch.setenv("WHEELHOUSE_ENV", "production")
    assert load_settings().requests_per_second == 100
    monkeypatch.setenv("WHEELHOUSE_CLOCK", "2015-12-24T12:00:00-05:00")
    with pytest.raises(ConfigurationError, match="production"):
        load_settings()
    monkeypatch.delenv("WHEELHOUSE_CLOCK")
    monkeypatch.setenv("WHEELHOUSE_BOOTSTRAP_KEY", "planted-secret")
    with pytest.raises(ConfigurationError, match="WHEELHOUSE_BOOTSTRAP_KEY") as caught:
        load_settings()
    assert "planted-secret" not in str(caught.value)


def test_secrets_are_redacted(monkeypatch):
    monkeypatch.setenv("WHEELHOUSE_BOOTSTRAP_KEY", "planted-secret")
    monkeypatch.setenv("WHEELHOUSE_DATABENTO__API_KEY", "planted-secret")
    monkeypatch.setenv("WHEELHOUSE_DATABASE_URL", "postgresql://user:planted-secret@host/name")
    settings = load_settings()
    assert "planted-secret" not in repr(settings).replace(settings.database_url, "")
    assert "planted-secret" not in str(redacted(settings))
    assert redacted(settings)["database_url"] == "postgresql://user:**********@host/name"


@pytest.mark.parametrize(
    "url", ["duckdb:///a.db", "duckdb:////tmp/a@b.db", "postgresql://host/name", "postgresql://user@host/name"]
)
def test_addresses_without_password_stay(url):
    assert redact_url(url) == url


def test_misspelt_variables_are_found():
    environ = {"WHEELHOUSE_DATABSE_URL": "", "WHEELHOUSE_MARKET__STALE_AFTER": "", "WHEELHOUSE_ENV": "", "OTHER": ""}
    assert unknown_variables(environ) == ["WHEELHOUSE_DATABSE_URL"]


def test_the_repository_s_default_file_says_what_the_defaults_are(monkeypatch):
    """The file lists every setting for people to read; it must not drift from the code."""
    text = tomllib.loads((REPOSITORY / "config/default.toml").read_text())
    defaults = Settings().model_dump(mode="json", exclude={"environment"}, exclude_none=True)
    assert defaults == text | {"policy": {}}


@pytest.mark.parametrize("environment", ["development", "staging", "production"])
def test_the_repository_s_files_are_valid(monkeypatch, environment):
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setenv("WHEELHOUSE_ENV", environment)
    assert load_settings().environment == environment
