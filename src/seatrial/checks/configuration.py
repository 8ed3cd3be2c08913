"""Configuration: one file an environment, none with a secret in it."""

import re
import tomllib
from collections.abc import Mapping

from seatrial.checks.registry import CheckContext, Finding, NotAssessed, check
from seatrial.target.protocol import Control
from seatrial.verdict.scoring import Gap

ENVIRONMENTS = ("default", "development", "staging", "production")
_SECRET_NAME = re.compile(r"(secret|password|passwd|token|api_?key|private_?key)$", re.IGNORECASE)


@check(
    "configuration.files",
    "Each environment has a readable configuration without secrets",
    needs=("control",),
    saboteurs=("configuration_missing",),
    remediation="Keep one file for the defaults and one for each environment; secrets come from the environment or a secret store.",
)
async def files(context: CheckContext) -> Finding:
    """Every environment's file is there, is TOML, and holds no literal secret."""
    assert isinstance(context.target, Control)
    folder = context.target.config_directory
    if folder is None:
        raise NotAssessed("the target was started without a configuration folder", Gap.PLATFORM)
    faults: list[str] = []
    for name in ENVIRONMENTS:
        path = folder / f"{name}.toml"
        if not path.is_file():
            faults.append(f"{path.name} is missing")
            continue
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            faults.append(f"{path.name}: {error}")
            continue
        faults += [f"{path.name}: {key} holds a secret" for key in literal_secrets(values)]
    if faults:
        return Finding(score=max(0.0, 1 - len(faults) / len(ENVIRONMENTS)), evidence="; ".join(faults))
    return Finding(score=1.0, evidence=f"{len(ENVIRONMENTS)} files, none with a secret: {', '.join(ENVIRONMENTS)}")


def literal_secrets(values: Mapping[str, object], prefix: str = "") -> list[str]:
    """Keys that are named like a secret and hold a literal text."""
    found: list[str] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            found += literal_secrets(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            tables = {str(number): entry for number, entry in enumerate(value) if isinstance(entry, Mapping)}
            found += literal_secrets(tables, f"{prefix}{key}.")
        elif isinstance(value, str) and value and _SECRET_NAME.search(key):
            found.append(prefix + key)
    return found
