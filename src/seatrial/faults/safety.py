"""Whom a fault may touch: addresses on loopback or on the allow-list, and processes that this harness started.

A process is known by its id and its start, so that a later process with the same id is never taken for it.
"""

import asyncio
import ipaddress
import os
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import urlsplit

import psutil

from seatrial.errors import ConfigurationError
from seatrial.faults.errors import AddressRefused, ProcessRefused

_PROC = Path("/proc")
_BOOT_ID = _PROC / "sys" / "kernel" / "random" / "boot_id"


class HasProcess(Protocol):
    """Whatever knows the process that it started: a `ServerProcess`, or a target with the capability `control`."""

    @property
    def process_id(self) -> int:
        """Root of the process tree, now."""


async def permitted_address(host: str, port: int, allow: Sequence[str] = ()) -> tuple[str, int]:
    """The numeric address to connect to, after it was found permitted.

    Parameters
    ----------
    host, port
        Where the caller wants to go; a name is resolved, and every address it resolves to must be permitted.
    allow
        The target's allow-list: ``"10.0.0.5:5432"``, ``"[fd00::5]:80"``, ``"db.test:5432"``; without a port, all of them.

    Returns
    -------
    tuple of str and int
        Connect to this and not to the name, which may resolve to something else a moment later.

    Raises
    ------
    AddressRefused
        An address is neither loopback nor allowed, or the name does not resolve.
    ConfigurationError
        An entry of the allow-list cannot be read.
    """
    entries = [_parse_entry(entry) for entry in allow]
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as cause:
        raise AddressRefused(f"{host}:{port} does not resolve, so no fault may touch it: {cause}") from cause
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not _permitted(host, address, port, entries):
            raise AddressRefused(
                f"{host}:{port} is {address}, which is neither loopback nor on the allow-list "
                f"({', '.join(allow) or 'empty'}): name it in `[target] allow` if it is yours to disturb"
            )
    return addresses[0], port


def _parse_entry(entry: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(f"//{entry}")
        host, port = parts.hostname, parts.port
    except ValueError as cause:
        raise ConfigurationError(f"`[target] allow` has {entry!r}, which is no address: {cause}") from cause
    if not host or parts.netloc != entry or parts.username is not None:
        raise ConfigurationError(f"`[target] allow` has {entry!r}; write an address as '10.0.0.5:5432'")
    return host, port


def _permitted(host: str, address: str, port: int, entries: Sequence[tuple[str, int | None]]) -> bool:
    if ipaddress.ip_address(address.partition("%")[0]).is_loopback:
        return True
    return any(name in {host.lower(), address} and allowed in {None, port} for name, allowed in entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """One process, and no later one with the same id.

    Parameters
    ----------
    started
        Boot and clock ticks since then, or the time of creation where the platform has no ``/proc``.
    """

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Self:
        """The process that has this id now.

        Raises
        ------
        ProcessLookupError
            There is none.
        """
        return cls(pid=pid, started=_start_of(pid))

    @property
    def running(self) -> bool:
        """Whether this very process exists and has not ended; one that waits to be reaped has."""
        try:
            return _start_of(self.pid) == self.started and psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE
        except (ProcessLookupError, psutil.NoSuchProcess):
            return False

    @property
    def stopped(self) -> bool:
        """Whether every thread of it is stopped by a signal."""
        if not self.running:
            return False
        try:
            states = [_fields(task / "stat")[0] for task in (_PROC / str(self.pid) / "task").iterdir()]
        except OSError:
            # No /proc on this platform, or a thread ended while we looked.
            return not _PROC.joinpath("self").exists() and bool(
                psutil.Process(self.pid).status() == psutil.STATUS_STOPPED
            )
        return bool(states) and all(state in "TtXZ" for state in states) and states[0] in "Tt"

    def send(self, number: signal.Signals) -> bool:
        """Signal this very process; return False if it is gone."""
        if not hasattr(os, "pidfd_open"):
            if not self.running:
                return False
            os.kill(self.pid, number)
            return True
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            # The handle is of one process; only if that is the right one is it signalled, whatever becomes of the id.
            if not self.running:
                return False
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)
        return True


def own_process(pid: int) -> ProcessIdentity:
    """A process that this harness started, itself or through a child.

    Raises
    ------
    ProcessRefused
        It is not below this process, or it is gone.
    """
    try:
        ancestors = {parent.pid for parent in psutil.Process(pid).parents()}
        identity = ProcessIdentity.of(pid)
    except (psutil.NoSuchProcess, ProcessLookupError) as cause:
        raise ProcessRefused(f"process {pid} does not run: a fault signals only what the harness started") from cause
    if os.getpid() not in ancestors:
        raise ProcessRefused(
            f"process {pid} was not started by this harness (process {os.getpid()}): "
            "a fault signals only processes below it"
        )
    return identity


def own_tree(root: int) -> tuple[ProcessIdentity, ...]:
    """A process that this harness started and all that are below it now, the root first.

    Raises
    ------
    ProcessRefused
        The root is not below this process, or it is gone.
    """
    found = [own_process(root)]
    for child in psutil.Process(root).children(recursive=True):
        try:
            found.append(ProcessIdentity.of(child.pid))
        except ProcessLookupError:
            continue
    if not found[0].running:
        raise ProcessRefused(f"process {root} has ended: a fault signals only what runs")
    return tuple(member for member in found if member.running)


def _start_of(pid: int) -> str:
    try:
        if _BOOT_ID.exists():
            return f"{_BOOT_ID.read_text().strip()}:{_fields(_PROC / str(pid) / 'stat')[19]}"
        return repr(psutil.Process(pid).create_time())
    except (FileNotFoundError, psutil.NoSuchProcess) as cause:
        raise ProcessLookupError(f"process {pid} does not run") from cause


def _fields(stat: Path) -> list[str]:
    """The fields of a stat file from the third on, the state; the second is the command and may hold anything."""
    return stat.read_text().rpartition(")")[2].split()
