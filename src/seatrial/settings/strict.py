"""Models that refuse what they do not know, and say what was probably meant."""

import difflib
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict, model_validator

__all__ = ["Strict", "did_you_mean"]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence's end that names the nearest known word, or all of them when none is near.

    >>> did_you_mean("critcal", ["critical", "title"])
    "did you mean 'critical'?"
    """
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(names)}" if names else "nothing is known here"


class Strict(BaseModel):
    """Frozen settings whose unknown keys are errors with a suggestion."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, given: object) -> object:
        if isinstance(given, Mapping):
            known = [field.alias or name for name, field in cls.model_fields.items()]
            unknown = [str(key) for key in given if key not in known]
            if unknown:
                told = "; ".join(f"key {key!r} is not known, {did_you_mean(key, known)}" for key in unknown)
                raise ValueError(told)
        return given
