"""Which processes Locust runs in, and how they are started."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial.errors import ConfigurationError

__all__ = ["Cluster", "LocustLayout", "Processes", "generator_command", "locust_worker_command"]

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
_STOP_TIMEOUT_MARGIN = 2
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """Processes of this machine: one that does everything, or a master with ``count`` workers that Locust forks."""

    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ConfigurationError(f"Locust with {self.count} processes sends nothing; give 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A master here, and workers that are started one by one, on this machine or others.

    Parameters
    ----------
    started
        For each worker that is started from here what stands before its command: nothing, or for example
        ``("ip", "netns", "exec", "a")``.
    awaited
        How many more are started elsewhere, with :func:`locust_worker_command`.
    host
        Address of this machine that the master listens on and workers connect to. Messages between them are neither
        encrypted nor authenticated: anything but loopback belongs in a network of one's own.
    port
        Of the master; a free one if None.
    """

    started: tuple[tuple[str, ...], ...] = ()
    awaited: int = 0
    host: str = _LOOPBACK
    port: int | None = None

    def __post_init__(self) -> None:
        if self.awaited < 0 or self.count < 1:
            raise ConfigurationError(
                f"a cluster of {len(self.started)} started and {self.awaited} awaited workers; one at least is needed"
            )
        if self.awaited and self.port is None:
            raise ConfigurationError(f"{self.awaited} workers are awaited but no port is given; they need to know it")

    @property
    def count(self) -> int:
        """How many workers there are."""
        return len(self.started) + self.awaited


LocustLayout = Processes | Cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterAddress:
    """Where the master listens."""

    host: str
    port: int


def master_address(layout: LocustLayout) -> MasterAddress:
    """The address of a layout, with a port that is free now where none is given."""
    host = layout.host if isinstance(layout, Cluster) else _LOOPBACK
    port = layout.port if isinstance(layout, Cluster) else None
    return MasterAddress(host=host, port=port if port is not None else _free_port(host))


def generator_command(
    layout: LocustLayout,
    address: MasterAddress,
    *,
    users: int,
    time_limit: float,
    seconds: float,
    connect_seconds: float,
) -> list[str]:
    """The command of the process that does everything, or that leads the others.

    Parameters
    ----------
    users
        Over all workers.
    time_limit
        How long a request may take, in seconds: users are given it when they are stopped.
    seconds
        After which Locust stops by itself, should nothing else stop it.
    connect_seconds
        How long missing workers are waited for.
    """
    command = [
        *_locust(sys.executable, str(LOCUSTFILE)),
        *("--headless", "--only-summary", "--users", str(users), "--spawn-rate", str(users)),
        *("--run-time", f"{seconds:.0f}s", "--stop-timeout", f"{time_limit + _STOP_TIMEOUT_MARGIN:.0f}"),
    ]
    if isinstance(layout, Processes) and layout.count == 1:
        return command
    where = ("--master-bind-host", address.host, "--master-bind-port", str(address.port))
    wait = ("--expect-workers-max-wait", f"{connect_seconds:.0f}")
    if isinstance(layout, Processes):
        return [*command, *where, *wait, "--processes", str(layout.count), "--master-port", str(address.port)]
    return [*command, *where, *wait, "--master", "--expect-workers", str(layout.count)]


def locust_worker_command(
    host: str, port: int, *, python: str = "python3", prefix: Sequence[str] = (), locustfile: str = "-"
) -> list[str]:
    """The command of a worker.

    On another machine ``seatrial[load]`` has to be installed for ``python``, and the target's key stands in
    ``SEATRIAL_TARGET_KEY``.

    Parameters
    ----------
    host, port
        Of the master, as in :class:`Cluster`.
    locustfile
        Path of ``locustfile.py`` of this package; ``-`` takes it from the master.
    """
    return [*prefix, *_locust(python, locustfile), "--worker", "--master-host", host, "--master-port", str(port)]


def own_worker_command(address: MasterAddress, prefix: Sequence[str]) -> list[str]:
    """The command of a worker that is started from here."""
    return locust_worker_command(
        address.host, address.port, python=sys.executable, prefix=prefix, locustfile=str(LOCUSTFILE)
    )


def _locust(python: str, locustfile: str) -> list[str]:
    # Failed requests are the target's: they are judged, and no reason for another exit code.
    return [python, "-m", "locust", "--locustfile", locustfile, "--exit-code-on-error", "0"]


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            raise ConfigurationError(f"Locust's master cannot listen on {host}: {error}") from error
        return int(probe.getsockname()[1])
