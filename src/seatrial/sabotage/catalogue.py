"""Finding a saboteur by its name: one of the catalogue, or anybody's as ``module:NAME``."""

import difflib
import importlib

from seatrial.errors import ConfigurationError
from seatrial.sabotage.saboteurs import NOOP, SABOTEURS
from seatrial.target.sabotage import Saboteur


def saboteur_named(name: str) -> Saboteur:
    """The saboteur of that id, or the object that ``module:NAME`` names.

    Raises
    ------
    ConfigurationError
        There is none.
    """
    if ":" in name:
        module, _, attribute = name.partition(":")
        try:
            found: Saboteur = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise ConfigurationError(f"saboteur {name!r} cannot be imported: {error}") from error
        return found
    known = {saboteur.id: saboteur for saboteur in (NOOP, *SABOTEURS)}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        raise ConfigurationError(f"saboteur {name!r} is not known; {hint}")
    return known[name]
