"""CPU and memory of the target while something is done to it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from seatrial.errors import HarnessError
from seatrial.observe.cores import usable_cores
from seatrial.observe.processes import MemoryKind, MemoryReading, ProcessTree

__all__ = ["ResourceSample", "ResourceSampler", "ResourceSummary"]

_LEAST_OF_INTERVAL = 0.9
"""A sample over less of the interval than this is no peak: the last one is cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceSample:
    """What the target's processes used in one interval.

    Parameters
    ----------
    at_seconds, seconds
        End of the interval from the start of sampling, and its length.
    cpu
        Share of the cores that the target may use, 0..1; None when none of its processes is there.
    memory_bytes, memory_kind
        Total at the latest reading, and what kind of figure it is; None before the first and when no process runs.
    unique_bytes, unique_kind
        The same for growth.
    processes, threads, file_descriptors
        At the end of the interval; None where they may not be read.
    """

    at_seconds: float
    seconds: float
    cpu: float | None
    memory_bytes: int | None
    memory_kind: MemoryKind | None
    unique_bytes: int | None
    unique_kind: MemoryKind | None
    processes: int
    threads: int | None
    file_descriptors: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceSummary:
    """What the target's processes used over the whole time.

    Parameters
    ----------
    seconds, samples
        How long and how often.
    cores
        That the target may use; CPU is a share of them.
    cpu_mean, cpu_peak
        Mean over the time in which the target ran, and the largest full interval (1 s by default). None without one.
    memory_peak_bytes, memory_kind
        Largest total; kind ``rss`` as soon as one reading was.
    growth_bytes, growth_kind
        Last minus first unique size.
    vanished
        Processes that ended meanwhile.
    gone
        None of the target's processes ran at the end.
    """

    seconds: float
    samples: int
    cores: float
    cpu_mean: float | None
    cpu_peak: float | None
    memory_peak_bytes: int | None
    memory_kind: MemoryKind | None
    growth_bytes: int | None
    growth_kind: MemoryKind | None
    vanished: int
    gone: bool


class ResourceSampler:
    """Samples a process tree from a thread of its own, so that a busy loop neither delays it nor is delayed by it.

    ::

        async with ResourceSampler([pid], on_sample=emit) as sampler:
            ...
        summary = sampler.summary()

    Parameters
    ----------
    pids
        Roots of the target's process trees, or a function that gives the present ones.
    interval
        Seconds between samples.
    memory_interval
        Seconds between readings of memory, at least: they make the kernel walk the target's pages.
    on_sample
        Called on the event loop with each sample of a whole interval.
    """

    def __init__(
        self,
        pids: Sequence[int] | Callable[[], Sequence[int]],
        *,
        interval: float = 1.0,
        memory_interval: float = 2.0,
        on_sample: Callable[[ResourceSample], None] | None = None,
    ) -> None:
        self._tree = ProcessTree(pids)
        self._interval = interval
        self._memory_interval = memory_interval
        self._on_sample = on_sample
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._cores = 0.0
        self._start = self._last = self._last_memory = 0.0
        self._memory: MemoryReading | None = None
        self._first_memory: MemoryReading | None = None
        self._latest_memory: MemoryReading | None = None
        self._samples = 0
        self._cpu_seconds = self._cpu_over = 0.0
        self._cpu_peak: float | None = None
        self._memory_peak: int | None = None
        self._memory_kind: MemoryKind | None = None
        self._growth_kind: MemoryKind | None = None
        self._gone = False

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._begin)
        self._thread = threading.Thread(target=self._run, args=(loop,), name="resource-sampler", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
        if self._error is not None and error is None:
            raise HarnessError(f"sampling the target's resources failed: {self._error}") from self._error

    def summary(self) -> ResourceSummary:
        """What was used so far; of the whole time after the ``async with``."""
        growth = None
        if self._first_memory is not None and self._latest_memory is not None:
            growth = self._latest_memory.unique - self._first_memory.unique
        return ResourceSummary(
            seconds=self._last - self._start,
            samples=self._samples,
            cores=self._cores,
            cpu_mean=self._cpu_seconds / (self._cpu_over * self._cores) if self._cpu_over > 0 else None,
            cpu_peak=self._cpu_peak,
            memory_peak_bytes=self._memory_peak,
            memory_kind=self._memory_kind,
            growth_bytes=growth,
            growth_kind=self._growth_kind,
            vanished=self._tree.vanished,
            gone=self._gone,
        )

    def _begin(self) -> None:
        self._cores = usable_cores(self._tree.roots)
        self._tree.cpu_seconds()
        self._start = self._last = time.perf_counter()
        self._read_memory()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            number = 1
            stopped = False
            while not stopped:
                stopped = self._stop.wait(max(self._start + number * self._interval - time.perf_counter(), 0.0))
                sample = self._take()
                number = max(number + 1, int((time.perf_counter() - self._start) / self._interval) + 1)
                # The last interval is cut off; its share of a core says nothing by itself, and is in the mean.
                whole = sample.seconds >= _LEAST_OF_INTERVAL * self._interval
                if self._on_sample is not None and whole:
                    loop.call_soon_threadsafe(self._on_sample, sample)
        except Exception as error:  # noqa: BLE001 - raised again where the sampler is left
            self._error = error

    def _take(self) -> ResourceSample:
        used = self._tree.cpu_seconds()
        now = time.perf_counter()
        elapsed, self._last = now - self._last, now
        running = self._tree.running()
        self._gone = not running
        cpu = None
        # A target that is dead uses nothing, which must not read as a low share.
        if used is not None and (running or used > 0) and elapsed > 0:
            self._cpu_seconds += used
            self._cpu_over += elapsed
            cpu = used / (elapsed * self._cores)
            if elapsed >= _LEAST_OF_INTERVAL * self._interval:
                self._cpu_peak = max(self._cpu_peak or 0.0, cpu)
        if now - self._last_memory >= self._memory_interval or not running:
            self._read_memory()
        tables = self._tree.tables()
        self._samples += 1
        memory = self._memory
        return ResourceSample(
            at_seconds=now - self._start,
            seconds=elapsed,
            cpu=cpu,
            memory_bytes=memory.total if memory else None,
            memory_kind=memory.total_kind if memory else None,
            unique_bytes=memory.unique if memory else None,
            unique_kind=memory.unique_kind if memory else None,
            processes=len(running),
            threads=tables.threads,
            file_descriptors=tables.file_descriptors,
        )

    def _read_memory(self) -> None:
        self._last_memory = time.perf_counter()
        self._memory = reading = self._tree.memory()
        if reading is None:
            return
        self._memory_peak = max(self._memory_peak or 0, reading.total)
        if self._memory_kind != "rss":
            self._memory_kind = reading.total_kind
        if self._growth_kind != "rss":
            self._growth_kind = reading.unique_kind
        # Growth compares like with like: a first reading of another kind is replaced.
        if self._first_memory is None or self._first_memory.unique_kind != reading.unique_kind:
            self._first_memory = reading
        self._latest_memory = reading
