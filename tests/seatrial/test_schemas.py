import json
import tomllib
from importlib import resources

import pytest

from seatrial.schemas.generate import schemas
from seatrial.settings.loading import default_text


@pytest.mark.parametrize("name", sorted(schemas()))
def test_the_published_schema_is_current(name):
    published = resources.files("seatrial.schemas").joinpath(name).read_text(encoding="utf-8")
    assert published == schemas()[name], "run python -m seatrial.schemas.generate"


def test_the_defaults_use_no_key_that_the_schema_does_not_know():
    schema = json.loads(schemas()["seatrial.toml.json"])
    assert set(tomllib.loads(default_text())) <= set(schema["properties"])
    assert schema["additionalProperties"] is False
