"""Asking a running server, for commands whose database it holds."""

import json
import os
import urllib.error
import urllib.request
from typing import Any

from wheelhouse.errors import ConfigurationError

KEY_VARIABLE = "WHEELHOUSE_KEY"
_SECONDS = 30


def call(server: str, method: str, path: str, body: object | None = None) -> Any:
    """The JSON answer of a server.

    Raises
    ------
    ConfigurationError
        There is no key, the server does not answer, or it refuses.
    """
    key = os.environ.get(KEY_VARIABLE)
    if not key:
        raise ConfigurationError(f"--server needs an API key in the variable {KEY_VARIABLE}")
    if not server.startswith(("http://", "https://")):
        raise ConfigurationError(f"--server {server!r} is no http:// or https:// address")
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked
        server.rstrip("/") + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            text = answer.read()
    except urllib.error.HTTPError as error:
        with error:
            raise ConfigurationError(f"{method} {server}{path}: {_detail(error)}") from error
    except OSError as error:
        raise ConfigurationError(f"{method} {server}{path}: {error}") from error
    return json.loads(text) if text else None


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return f"{error.code} {json.loads(error.read())['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"
