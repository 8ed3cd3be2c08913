"""A file whose bytes are no longer what was written, and are again afterwards."""

import itertools
import os
import random
from collections.abc import Sequence
from pathlib import Path

from seatrial.errors import ConfigurationError
from seatrial.faults.errors import FaultNotVerified, Obstacle
from seatrial.faults.fault import Fault
from seatrial.faults.journal import Journal
from seatrial.faults.storage import missing
from seatrial.faults.undo import RestoreBytes


class FlipBytes(Fault):
    """Bytes of a file are inverted: what a failing disk leaves of a page.

    On release those that the target did not write since are put back. A database that runs may keep its own copy in memory:
    stop it before, and start it under the fault.

    Parameters
    ----------
    offsets
        Where, from the file's start; see `spread_offsets`.
    """

    name = "storage_corrupted"

    def __init__(self, journal: Journal, path: Path, *, offsets: Sequence[int]) -> None:
        super().__init__(journal)
        if not offsets or min(offsets) < 0 or len(set(offsets)) != len(offsets):
            raise ConfigurationError(
                f"offsets are {list(offsets)}; they must be one or more, different, and at least 0"
            )
        self._path = path
        self._offsets = tuple(offsets)
        self._altered: dict[int, bytes] = {}

    def describe(self) -> str:
        """Which file, and how many bytes."""
        return f"{len(self._offsets)} byte(s) of {self._path} inverted"

    async def probe(self) -> Obstacle | None:
        """The file must exist, be long enough and writable."""
        obstacle = missing(self._path)
        if obstacle is not None:
            return obstacle
        size = self._path.stat().st_size
        if max(self._offsets) >= size:
            return Obstacle(reason=f"{self._path} has {size} bytes, none at {max(self._offsets)}", cause="target")
        if not os.access(self._path, os.R_OK | os.W_OK):
            return Obstacle(reason=f"{self._path} may not be read and written by us", cause="privilege")
        return None

    async def inject(self) -> None:
        """Invert byte by byte."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        try:
            inode = os.fstat(descriptor).st_ino
            for offset in self._offsets:
                original = os.pread(descriptor, 1, offset)
                altered = bytes(byte ^ 0xFF for byte in original)
                await self.intend(
                    RestoreBytes(
                        path=str(self._path),
                        inode=inode,
                        offset=offset,
                        original=original.hex(),
                        altered=altered.hex(),
                    )
                )
                os.pwrite(descriptor, altered, offset)
                self._altered[offset] = altered
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    async def verify(self) -> str:
        """Read the file anew."""
        with self._path.open("rb") as file:
            for offset, altered in self._altered.items():
                file.seek(offset)
                present = file.read(len(altered))
                if present != altered:
                    raise FaultNotVerified(f"{self._path} has {present.hex()} at {offset}, not {altered.hex()}")
        return f"{len(self._altered)} byte(s) read back inverted"


def spread_offsets(size: int, *, count: int, seed: int, skip_bytes: int = 0) -> tuple[int, ...]:
    """Offsets of a file, evenly spread with a seeded place in each stretch.

    Parameters
    ----------
    size, skip_bytes
        Of the file, and of its head that is to be left alone, such as a database's header.
    """
    if count < 1 or size - skip_bytes < count:
        raise ConfigurationError(f"{count} byte(s) cannot be spread over {size} bytes after the first {skip_bytes}")
    place = random.Random(seed)
    stretch = (size - skip_bytes) / count
    edges = [skip_bytes + int(stretch * index) for index in range(count + 1)]
    return tuple(place.randrange(start, end) for start, end in itertools.pairwise(edges))
