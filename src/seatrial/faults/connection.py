"""One connection through the proxy: two ways, each delayed, sliced, held and cut as the present toxics say."""

import asyncio
import contextlib
import random
import socket
import struct
from typing import Literal, TypeVar

from seatrial.faults.toxics import (
    Bandwidth,
    Blackhole,
    Down,
    HalfClose,
    Latency,
    Reset,
    Slicing,
    Toxic,
    touches,
)

CHUNK_BYTES = 65_536
#: Chunks that may be under way, so that latency does not cost throughput and memory stays bounded.
_UNDER_WAY = 64
#: A limited way is served in so many portions a second.
_PORTIONS_PER_SECOND = 20

Way = Literal["up", "down"]
AnyToxic = TypeVar("AnyToxic", bound=Toxic)


class Conditions:
    """The toxics in force, shared by all connections of a proxy; whoever waits is woken when they change."""

    def __init__(self, *, seed: int) -> None:
        self.toxics: tuple[Toxic, ...] = ()
        self._changed = asyncio.Event()
        self._random = random.Random(seed)

    @property
    def down(self) -> bool:
        """Whether the dependency is to be gone."""
        return any(isinstance(toxic, Down) for toxic in self.toxics)

    def change(self, toxics: tuple[Toxic, ...]) -> None:
        """Put others in force and wake everybody."""
        self.toxics = toxics
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def on(self, way: Way, kind: type[AnyToxic]) -> list[AnyToxic]:
        """The toxics of a kind that work on a way."""
        return [toxic for toxic in self.toxics if isinstance(toxic, kind) and touches(toxic, way)]

    async def pause(self, seconds: float | None = None) -> None:
        """Wait so long (None: without end), or until the toxics change."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)

    def draw(self) -> float:
        """Where in its jitter a chunk falls, from -1 to 1."""
        return self._random.uniform(-1.0, 1.0)


class Connection:
    """A client's connection and the one that leads on to the dependency."""

    def __init__(self, conditions: Conditions, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._conditions = conditions
        self._client = (reader, writer)
        self._writers = [writer]
        self._sinks: dict[Way, asyncio.StreamWriter] = {"down": writer}
        self._carried: dict[Way, int] = {"up": 0, "down": 0}
        self._half_closed: set[Way] = set()
        self._gone = asyncio.Event()

    async def run(self, host: str, port: int) -> None:
        """Carry until both ways have ended, one fails, or the connection is reset."""
        if self._cut():
            return
        reader, writer = await asyncio.open_connection(host, port)
        self._writers.append(writer)
        self._sinks["up"] = writer
        ways = [
            asyncio.ensure_future(self._carry("up", self._client[0])),
            asyncio.ensure_future(self._carry("down", reader)),
        ]
        watch, gone = asyncio.ensure_future(self._watch()), asyncio.ensure_future(self._gone.wait())
        everything = [*ways, watch, gone]
        try:
            open_ways = set(ways)
            while open_ways and not self._gone.is_set():
                done, _ = await asyncio.wait({*open_ways, watch, gone}, return_when=asyncio.FIRST_COMPLETED)
                for task in done - {gone}:
                    task.result()
                open_ways -= done
        finally:
            for task in everything:
                task.cancel()
            await asyncio.gather(*everything, return_exceptions=True)

    def reset(self) -> None:
        """End both sides with RST instead of FIN."""
        self._gone.set()
        for writer in self._writers:
            with contextlib.suppress(OSError):
                # No lingering: the kernel drops what is unsent and says so with RST.
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def close(self) -> None:
        """Let go of both sides."""
        for writer in self._writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _watch(self) -> None:
        """Cut a connection that is silent when the toxics change."""
        while not self._cut():
            await self._conditions.pause()

    def _cut(self) -> bool:
        """Reset or half close what has carried enough; True if it was reset."""
        for way in ("up", "down"):
            if any(self._carried[way] >= toxic.after_bytes for toxic in self._conditions.on(way, Reset)):
                self.reset()
                return True
            if any(self._carried[way] >= toxic.after_bytes for toxic in self._conditions.on(way, HalfClose)):
                self._half_close(way)
        if self._conditions.down:
            self.reset()
        return self._conditions.down

    def _half_close(self, way: Way) -> None:
        sink = self._sinks.get(way)
        if way not in self._half_closed and sink is not None and not sink.is_closing():
            self._half_closed.add(way)
            sink.write_eof()

    async def _carry(self, way: Way, source: asyncio.StreamReader) -> None:
        clock = asyncio.get_running_loop().time
        under_way: asyncio.Queue[tuple[float, float, bytes | OSError]] = asyncio.Queue(_UNDER_WAY)

        async def fetch() -> None:
            chunk: bytes | OSError = b"-"
            while chunk and not isinstance(chunk, OSError):
                try:
                    chunk = await source.read(CHUNK_BYTES)
                except OSError as cause:
                    chunk = cause
                await under_way.put((clock(), self._conditions.draw(), chunk))

        fetching = asyncio.ensure_future(fetch())
        try:
            while True:
                arrived, draw, chunk = await under_way.get()
                if isinstance(chunk, OSError):
                    raise chunk
                await self._held_back(way, arrived, draw)
                if not chunk:
                    self._half_close(way)
                    return
                await self._deliver(way, chunk)
        finally:
            fetching.cancel()
            await asyncio.gather(fetching, return_exceptions=True)

    async def _held_back(self, way: Way, arrived: float, draw: float) -> None:
        """Wait while a chunk is late or the way is a hole; asked again at each change, so that a release is felt at once."""
        clock = asyncio.get_running_loop().time
        while True:
            if self._conditions.on(way, Blackhole):
                await self._conditions.pause()
                continue
            late = sum(toxic.seconds + draw * toxic.jitter_seconds for toxic in self._conditions.on(way, Latency))
            rest = arrived + late - clock()
            if rest <= 0:
                return
            await self._conditions.pause(rest)

    async def _deliver(self, way: Way, chunk: bytes) -> None:
        sink = self._sinks[way]
        while chunk and not self._gone.is_set():
            await self._held_back(way, -float("inf"), 0.0)
            if way in self._half_closed:
                return  # nobody is told; the rest of this way is lost
            rates = [toxic.bytes_per_second for toxic in self._conditions.on(way, Bandwidth)]
            slicings = self._conditions.on(way, Slicing)
            portions = [max(1, int(rate / _PORTIONS_PER_SECOND)) for rate in rates]
            pieces = [slicing.piece_bytes for slicing in slicings]
            size = min([len(chunk), *portions, *pieces, *self._until_cut(way)])
            sink.write(chunk[:size])
            await sink.drain()
            self._carried[way] += size
            chunk = chunk[size:]
            if self._cut():
                return
            rest = max([size / rate for rate in rates] + [slicing.pause_seconds for slicing in slicings], default=0.0)
            if rest > 0:
                await self._conditions.pause(rest)

    def _until_cut(self, way: Way) -> list[int]:
        limits = [toxic.after_bytes for toxic in self._conditions.on(way, Reset)]
        limits += [toxic.after_bytes for toxic in self._conditions.on(way, HalfClose)]
        return [limit - self._carried[way] for limit in limits if limit > self._carried[way]]
