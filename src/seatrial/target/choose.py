"""From the words that name a target to the target."""

import importlib
from collections.abc import Mapping, Sequence

from seatrial.errors import ConfigurationError
from seatrial.target.http import HttpTarget
from seatrial.target.protocol import TradingSystem
from seatrial.target.sabotage import Saboteur


def choose_target(
    kind: str,
    *,
    lacks: Sequence[str] = (),
    options: Mapping[str, str | int | float | bool] | None = None,
    key: str | None = None,
    database_url: str | None = None,
    saboteur: Saboteur | None = None,
) -> TradingSystem:
    """Make the target that ``kind`` names; it starts or connects when it is entered.

    Parameters
    ----------
    kind
        ``bundled``, an address, or ``module:Class`` of an adapter, which is called with `options`.
    key
        The API key of an address.
    database_url
        Where the bundled target keeps its state; a temporary file by default.

    Raises
    ------
    ConfigurationError
        The adapter cannot be imported or made, or a saboteur is wanted in anything but the bundled target.
    """
    if kind == "bundled":
        from seatrial.target.wheelhouse import WheelhouseTarget

        # A sabotaged target has a database of its own: two may run at once, and what is broken must not be anybody's.
        return WheelhouseTarget(lacks=lacks, saboteur=saboteur, database_url=None if saboteur else database_url)
    if saboteur is not None:
        raise ConfigurationError(f"a saboteur works on the bundled target; this one is {kind!r}")
    if kind.startswith(("http://", "https://")):
        unknown = sorted(set(options or {}) - {"symbols"})
        if unknown:
            raise ConfigurationError(f"[target.options] {unknown[0]!r} is not an option of an address; known: symbols")
        symbols = [name.strip() for name in str((options or {}).get("symbols", "AAPL")).split(",") if name.strip()]
        if not symbols:
            raise ConfigurationError("[target.options] symbols names no symbol; give at least one, separated by commas")
        # Whoever is reached by an address is not ours to kill.
        return HttpTarget(kind, key=key, symbols=symbols, lacks=("control", *lacks))
    module_name, _, class_name = kind.partition(":")
    try:
        adapter = getattr(importlib.import_module(module_name), class_name)
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"target {kind!r}: there is no module {error.name!r} to import") from error
    except (ImportError, SyntaxError) as error:
        raise ConfigurationError(f"target {kind!r}: module {module_name!r} cannot be imported: {error}") from error
    except AttributeError as error:
        raise ConfigurationError(f"target {kind!r}: module {module_name!r} has no {class_name!r}") from error
    try:
        target: TradingSystem = adapter(**(options or {}))
    except TypeError as error:
        raise ConfigurationError(f"target {kind!r} cannot be made with [target.options] {options}: {error}") from error
    if lacks:
        target.lacks = frozenset(getattr(target, "lacks", ())) | frozenset(lacks)
    return target


def refuse_production(environment: str, broker: str, name: str) -> None:
    """Refuse to write to a system that trades for real.

    Raises
    ------
    ConfigurationError
        Its broker is not paper, or its environment is production.
    """
    if broker != "paper":
        raise ConfigurationError(
            f"{name} trades with broker {broker!r}; a trial writes orders, so only 'paper' is allowed"
        )
    if environment == "production":
        raise ConfigurationError(f"{name} runs in environment 'production'; point the trial at a staging copy of it")
