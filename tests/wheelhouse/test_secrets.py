import pytest
from pydantic import SecretStr

from wheelhouse.errors import ConfigurationError
from wheelhouse.secrets import resolve


def test_a_value_is_itself():
    assert resolve("abc") == "abc"
    assert resolve(SecretStr("db-x:y")) == "db-x:y"


def test_environment_variables():
    assert resolve("env:NAME", environ={"NAME": "value"}) == "value"
    with pytest.raises(ConfigurationError, match="NAME"):
        resolve("env:NAME", environ={})


def test_files_lose_their_last_line_break(tmp_path):
    (tmp_path / "key").write_text("value\n")
    assert resolve(f"file:{tmp_path / 'key'}") == "value"
    with pytest.raises(ConfigurationError, match="absent"):
        resolve(f"file:{tmp_path / 'absent'}")


@pytest.mark.parametrize(
    ("reference", "package"),
    [("gcp:projects/p/secrets/s/versions/1", "google-cloud-secret-manager"), ("keyring:a/b", "keyring")],
)
def test_missing_packages_are_named(reference, package, monkeypatch):
    for module in ("google.cloud.secretmanager", "keyring"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(ConfigurationError, match=package):
        resolve(reference)


def test_keyring_references_need_a_name():
    with pytest.raises(ConfigurationError, match="service/name"):
        resolve("keyring:service")
