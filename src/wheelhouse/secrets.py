"""Where a secret's value comes from: the setting itself, another variable, a file, a keyring or a secret manager.

A secret setting holds either the value or a reference with a scheme:

========================================  =========================================================
``env:NAME``                              the environment variable ``NAME``
``file:/run/secrets/name``                the content of a file, without the final line break
``keyring:service/name``                  the desktop's keyring (package ``keyring``)
``gcp:projects/p/secrets/s/versions/v``   Google Secret Manager (package ``google-cloud-secret-manager``)
========================================  =========================================================

Anything else is the value itself. The optional packages are imported only when such a reference is resolved.
"""

import importlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import SecretStr

from wheelhouse.errors import ConfigurationError

REDACTED = "**********"


def resolve(secret: SecretStr | str, *, environ: Mapping[str, str] | None = None) -> str:
    """The value of a secret setting, fetched from where its reference points.

    Raises
    ------
    ConfigurationError
        The place does not exist, cannot be read, or needs a package that is not installed. The message names the
        reference, never a value.
    """
    text = secret.get_secret_value() if isinstance(secret, SecretStr) else secret
    scheme, colon, rest = text.partition(":")
    resolver = _RESOLVERS.get(scheme) if colon else None
    if resolver is None:
        return text
    return resolver(rest, os.environ if environ is None else environ)


def _from_environment(name: str, environ: Mapping[str, str]) -> str:
    try:
        return environ[name]
    except KeyError:
        raise ConfigurationError(f"secret 'env:{name}': the environment has no variable {name}; set it") from None


def _from_file(path: str, _environ: Mapping[str, str]) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"secret 'file:{path}' cannot be read: {error}") from error


def _from_keyring(place: str, _environ: Mapping[str, str]) -> str:
    service, slash, name = place.partition("/")
    if not slash:
        raise ConfigurationError(f"secret 'keyring:{place}' must be written 'keyring:service/name'")
    value = _optional("keyring").get_password(service, name)
    if value is None:
        raise ConfigurationError(f"secret 'keyring:{place}': the keyring has no such entry")
    return str(value)


def _from_google(name: str, _environ: Mapping[str, str]) -> str:
    client = _optional("google.cloud.secretmanager", package="google-cloud-secret-manager").SecretManagerServiceClient()
    try:
        payload: bytes = client.access_secret_version(name=name).payload.data
    except Exception as error:
        raise ConfigurationError(f"secret 'gcp:{name}' cannot be fetched: {type(error).__name__}: {error}") from error
    return payload.decode()


def _optional(module: str, *, package: str | None = None):  # type: ignore[no-untyped-def]  # noqa: ANN202 - the modules are untyped
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigurationError(
            f"this secret needs the package {package or module!r}, which is not installed"
        ) from error


_RESOLVERS: dict[str, Callable[[str, Mapping[str, str]], str]] = {
    "env": _from_environment,
    "file": _from_file,
    "keyring": _from_keyring,
    "gcp": _from_google,
}
