"""Faults of the network between a target and a TCP dependency, by a proxy that stands between them."""

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from typing import Literal

from seatrial.faults.errors import FaultNotVerified, Obstacle
from seatrial.faults.fault import Fault
from seatrial.faults.journal import Journal
from seatrial.faults.proxy import TcpProxy
from seatrial.faults.toxics import Bandwidth, Blackhole, Down, HalfClose, Latency, Reset, Slicing, Toxic

_SMALL_BYTES = 64
_LARGE_BYTES = 1 << 20
#: How long silence must last to be taken for a hole, and how long an answer may take beyond what the toxics make of it.
_SILENCE_SECONDS = 0.5
_SLACK_SECONDS = 5.0
_LIMITED_SECONDS = 0.5
_TOLERANCE = 0.9

_NAMES: dict[type[Toxic], str] = {
    Latency: "dependency_slow",
    Bandwidth: "dependency_narrow",
    Slicing: "dependency_slicing",
    Reset: "dependency_resetting",
    HalfClose: "dependency_half_closing",
    Blackhole: "dependency_hanging",
    Down: "dependency_down",
}


class NetworkFault(Fault):
    """A toxic on the way to a dependency, on top of those that are in force.

    Nothing of it outlives this process: the proxy ends with it.

    Parameters
    ----------
    proxy
        Stands between the target and its dependency, which it was allowed to reach.
    """

    def __init__(self, journal: Journal, proxy: TcpProxy, toxic: Toxic) -> None:
        super().__init__(journal)
        self.name = _NAMES[type(toxic)]
        self._proxy = proxy
        self._toxic = toxic

    def describe(self) -> str:
        """The toxic and where it is put."""
        return f"{self._toxic} at {self._proxy.host}:{self._proxy.port}"

    async def probe(self) -> Obstacle | None:
        """A proxy that does not listen carries nothing."""
        if self._proxy.port == 0:
            return Obstacle(reason="the proxy before the dependency has not been started", cause="target")
        return None

    async def inject(self) -> None:
        """Put the toxic in force for running and new connections."""
        await self._proxy.switch(*self._proxy.toxics, self._toxic)

    async def verify(self) -> str:
        """Send bytes through the proxy to its echo and look at what comes back, and when."""
        seen = await _echo(self._proxy, _payload(self._toxic), within_seconds=_patience(self._toxic))
        problem = _mismatch(self._toxic, seen)
        if problem is not None:
            raise FaultNotVerified(f"{self._toxic} is in force, but {problem}: {seen}")
        return str(seen)

    async def release(self) -> str | None:
        """Leave the other toxics in force."""
        rest = list(self._proxy.toxics)
        if self._toxic not in rest:
            return None
        rest.reverse()
        rest.remove(self._toxic)
        rest.reverse()
        await self._proxy.switch(*rest)
        return f"{type(self._toxic).__name__} is off"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    end: Literal["answer", "closed", "reset", "refused", "silence"]
    received: int
    sent: int
    reads: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.end} after {self.seconds:.3f} s, {self.received} of {self.sent} bytes in {self.reads} reads"


async def _echo(proxy: TcpProxy, payload: bytes, *, within_seconds: float) -> _Seen:
    loop = asyncio.get_running_loop()
    received = reads = 0
    start = loop.time()

    def seen(end: Literal["answer", "closed", "reset", "refused", "silence"]) -> _Seen:
        return _Seen(end=end, received=received, sent=len(payload), reads=reads, seconds=loop.time() - start)

    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as client:
        client.setblocking(False)
        client.bind((proxy.host, 0))
        with proxy.echoing(client.getsockname()[1]):
            sending: asyncio.Future[None] | None = None
            try:
                async with asyncio.timeout(within_seconds):
                    await loop.sock_connect(client, (proxy.host, proxy.port))
                    start = loop.time()
                    sending = asyncio.ensure_future(loop.sock_sendall(client, payload))
                    while received < len(payload):
                        chunk = await loop.sock_recv(client, _LARGE_BYTES)
                        if not chunk:
                            return seen("closed")
                        received, reads = received + len(chunk), reads + 1
                return seen("answer")
            except TimeoutError:
                return seen("silence")
            except ConnectionRefusedError:
                return seen("refused")
            except ConnectionError:
                return seen("reset")
            finally:
                if sending is not None:
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)


def _payload(toxic: Toxic) -> bytes:
    match toxic:
        case Reset() | HalfClose():
            return bytes(toxic.after_bytes + _SMALL_BYTES)
        case Bandwidth():
            return bytes(min(int(toxic.bytes_per_second * _LIMITED_SECONDS), _LARGE_BYTES) + _SMALL_BYTES)
        case Slicing():
            return bytes(toxic.piece_bytes * 8)
        case _:
            return bytes(_SMALL_BYTES)


def _patience(toxic: Toxic) -> float:
    match toxic:
        case Blackhole():
            return _SILENCE_SECONDS
        case Latency():
            return 2 * (toxic.seconds + toxic.jitter_seconds) + _SLACK_SECONDS
        case Bandwidth():
            return 2 * len(_payload(toxic)) / toxic.bytes_per_second + _SLACK_SECONDS
        case Slicing():
            return 16 * toxic.pause_seconds + _SLACK_SECONDS
        case _:
            return _SLACK_SECONDS


def _mismatch(toxic: Toxic, seen: _Seen) -> str | None:
    """What was expected and did not come, or None."""
    match toxic:
        case Down():
            expected, right = "no connection was refused", seen.end == "refused"
        case Reset():
            expected, right = "no connection was reset", seen.end == "reset"
        case HalfClose():
            expected, right = (
                "the answer did not end early",
                seen.end == "closed" and seen.received <= toxic.after_bytes,
            )
        case Blackhole():
            expected, right = "the way was not silent", seen.end == "silence" and seen.received == 0
        case Latency():
            ways = 2 if toxic.direction == "both" else 1
            least = ways * (toxic.seconds - toxic.jitter_seconds) * _TOLERANCE
            expected, right = f"the echo took less than {least:.3f} s", seen.end == "answer" and seen.seconds >= least
        case Bandwidth():
            least = (seen.sent - _SMALL_BYTES) / toxic.bytes_per_second * _TOLERANCE
            expected, right = f"the echo took less than {least:.3f} s", seen.end == "answer" and seen.seconds >= least
        case Slicing():
            expected, right = "the echo came in one piece", seen.end == "answer" and seen.reads > 1
    return None if right else expected
