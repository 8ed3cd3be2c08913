"""Readings of a target's resources at the ends of blocks of operations, for the verdict on leaks.

The readings are collected here and judged by :func:`seatrial.verdict.leaks.judge_leak`.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from seatrial.errors import HarnessError
from seatrial.observe.processes import MemoryKind, ProcessTree

__all__ = ["BlockReading", "LeakCollector", "LeakQuantity"]


class LeakQuantity(StrEnum):
    """What may leak."""

    MEMORY = "memory"
    FILE_DESCRIPTORS = "file_descriptors"
    THREADS = "threads"
    CONNECTIONS = "connections"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockReading:
    """The target at the end of a block; None for what cannot be read.

    ``operations`` were done and ``seconds`` had gone by since the collector was made; ``unique_bytes`` is of ``memory_kind``.
    """

    operations: int
    seconds: float
    unique_bytes: int | None
    memory_kind: MemoryKind | None
    file_descriptors: int | None
    threads: int | None
    connections: int | None

    def value(self, quantity: LeakQuantity) -> int | None:
        """One of the figures."""
        match quantity:
            case LeakQuantity.MEMORY:
                return self.unique_bytes
            case LeakQuantity.FILE_DESCRIPTORS:
                return self.file_descriptors
            case LeakQuantity.THREADS:
                return self.threads
            case LeakQuantity.CONNECTIONS:
                return self.connections


class LeakCollector:
    """Counts operations and reads the target after each block of them.

    Parameters
    ----------
    pids
        Roots of the target's process trees, or a function that gives the present ones.
    operations_per_block
        A reading is due after each so many operations.
    least_seconds
        Between two readings, because reading memory disturbs the target; a block that ends earlier grows until then.
    """

    def __init__(
        self,
        pids: Sequence[int] | Callable[[], Sequence[int]],
        *,
        operations_per_block: int = 1000,
        least_seconds: float = 2.0,
    ) -> None:
        if operations_per_block < 1:
            raise HarnessError(f"a block has {operations_per_block} operations; give 1 or more")
        self._tree = ProcessTree(pids)
        self._per_block = operations_per_block
        self._least_seconds = least_seconds
        self._start = time.perf_counter()
        self._last_reading = -least_seconds
        self._operations = 0
        self._next_block = operations_per_block
        self._pending: asyncio.Task[None] | None = None
        self._blocks: list[BlockReading] = []

    @property
    def blocks(self) -> tuple[BlockReading, ...]:
        """The readings so far."""
        return tuple(self._blocks)

    def count(self, operations: int = 1) -> None:
        """Note that operations were done; to be called on the event loop. Reads in a thread when a block is full.

        Raises
        ------
        HarnessError
            The reading before failed.
        """
        self._operations += operations
        if self._operations < self._next_block:
            return
        if self._pending is not None:
            if not self._pending.done():
                return
            self._raise_failed(self._pending)
        elapsed = time.perf_counter() - self._start
        if elapsed - self._last_reading < self._least_seconds:
            return
        self._last_reading = elapsed
        self._next_block = self._operations + self._per_block
        self._pending = asyncio.get_running_loop().create_task(self._read(self._operations))

    async def finish(self) -> tuple[BlockReading, ...]:
        """Wait for the reading under way, and give all of them.

        Raises
        ------
        HarnessError
            It failed.
        """
        if self._pending is not None:
            await asyncio.wait([self._pending])
            self._raise_failed(self._pending)
        return self.blocks

    def series(self, quantity: LeakQuantity) -> tuple[list[float], list[float]]:
        """Operations done and readings then, for ``judge_leak``.

        A figure that could not be read is NaN, and so is memory of another kind than the first block's: unique and
        resident sizes make no trend together.
        """
        kind = self._blocks[0].memory_kind if self._blocks else None
        readings: list[float] = []
        for block in self._blocks:
            value = block.value(quantity)
            comparable = quantity is not LeakQuantity.MEMORY or block.memory_kind == kind
            readings.append(float(value) if value is not None and comparable else math.nan)
        return [float(block.operations) for block in self._blocks], readings

    async def _read(self, operations: int) -> None:
        self._blocks.append(await asyncio.to_thread(self._reading, operations))

    def _reading(self, operations: int) -> BlockReading:
        memory = self._tree.memory()
        tables = self._tree.tables(connections=True)
        return BlockReading(
            operations=operations,
            seconds=time.perf_counter() - self._start,
            unique_bytes=memory.unique if memory else None,
            memory_kind=memory.unique_kind if memory else None,
            file_descriptors=tables.file_descriptors,
            threads=tables.threads,
            connections=tables.connections,
        )

    def _raise_failed(self, reading: asyncio.Task[None]) -> None:
        if reading.cancelled():
            return
        error = reading.exception()
        if error is not None:
            raise HarnessError(f"reading the target's resources failed: {error}") from error
