"""Make the published JSON Schemas from the types: ``python -m seatrial.schemas.generate``."""

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from seatrial.report.shapes import ReadinessReport, ValidationReport
from seatrial.settings.model import SettingsFile

__all__ = ["schemas", "write"]

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, str]:
    """Each schema's text by file name."""
    settings = SettingsFile.model_json_schema()
    for table in (settings, *settings.get("$defs", {}).values()):
        # A file is laid over the defaults: what it does not say is known already.
        table.pop("required", None)
    titled: dict[str, dict[str, Any]] = {
        "production_validation_report.json": TypeAdapter(ValidationReport).json_schema(),
        "production_readiness_report.json": TypeAdapter(ReadinessReport).json_schema(),
        "seatrial.toml.json": settings,
    }
    return {
        name: json.dumps({"$schema": _DRAFT, **body}, indent=2, sort_keys=True) + "\n" for name, body in titled.items()
    }


def write(directory: Path) -> None:
    """Write every schema into a folder."""
    for name, text in schemas().items():
        (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(__file__).parent)
