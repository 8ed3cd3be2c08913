"""Latencies of a stage of any length in constant memory.

One HDR histogram [1]_ with 3 significant digits, microseconds to a day, and beside it the number of requests that were
never answered, which count above every latency. Records of several workers or stages are merged, never averaged.

The judge needs order statistics, not interpolated percentiles: a record knows for each rank the two ends of the bucket
that holds it, so that a verdict can take the unfavourable one.

References
----------
.. [1] G. Tene, "HdrHistogram", https://github.com/HdrHistogram/HdrHistogram.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Self

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from seatrial.errors import HarnessError

__all__ = ["LatencyRecord"]

_UNITS_PER_SECOND = 1_000_000
_HIGHEST_SECONDS = 86_400
_SIGNIFICANT_DIGITS = 3


class LatencyRecord:
    """How long requests took, and how many never came back.

    Latencies are seconds, kept to 1 microsecond or 0.1 %, whichever is coarser. Ranks start at 1; ranks above
    :attr:`answered` belong to the unanswered and are infinite.
    """

    __slots__ = ("_histogram", "_unanswered")

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, _HIGHEST_SECONDS * _UNITS_PER_SECOND, _SIGNIFICANT_DIGITS)
        self._unanswered = 0

    def record(self, seconds: float, count: int = 1) -> None:
        """Add an answer that took ``seconds``; more than a day counts as no answer.

        Raises
        ------
        HarnessError
            A negative or undefined latency: some clock is wrong, and it is ours.
        """
        if not seconds >= 0:
            raise HarnessError(f"a latency of {seconds} seconds was measured; the harness's clock went backwards")
        if seconds > _HIGHEST_SECONDS:
            self._unanswered += count
        else:
            self._histogram.record_value(int(seconds * _UNITS_PER_SECOND), count)

    def record_unanswered(self, count: int = 1) -> None:
        """Add requests without an answer: they count above every percentile."""
        self._unanswered += count

    @property
    def answered(self) -> int:
        """Number of recorded answers."""
        return int(self._histogram.total_count)

    @property
    def unanswered(self) -> int:
        """Number of requests without an answer."""
        return self._unanswered

    @property
    def count(self) -> int:
        """Number of samples: answered and unanswered."""
        return self.answered + self._unanswered

    def __len__(self) -> int:
        return self.count

    def ascending(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """The samples as buckets in ascending order.

        Returns
        -------
        lowest, highest : ndarray of float64, shape (n,)
            Seconds; every sample of a bucket lies between them. Unanswered requests are a last bucket at infinity.
        counts : ndarray of int64, shape (n,)
            Samples in the bucket, >= 1.
        """
        counts = self._counts()
        used = np.flatnonzero(counts)
        lowest, highest = _bucket_edges()
        low, high, number = lowest[used], highest[used], counts[used]
        if self._unanswered:
            low, high = np.append(low, np.inf), np.append(high, np.inf)
            number = np.append(number, self._unanswered)
        return low, high, number.astype(np.int64)

    def order_statistic_bounds(self, rank: int) -> tuple[float, float]:
        """Both ends, in seconds, of the bucket that holds the ``rank``-th smallest sample.

        Raises
        ------
        HarnessError
            No such rank.
        """
        if not 1 <= rank <= self.count:
            raise HarnessError(f"rank {rank} was asked of a record with {self.count} samples; ranks are 1 to the count")
        if rank > self.answered:
            return math.inf, math.inf
        index = int(np.searchsorted(np.cumsum(self._counts()), rank))
        lowest, highest = _bucket_edges()
        return float(lowest[index]), float(highest[index])

    def order_statistic(self, rank: int) -> float:
        """The ``rank``-th smallest sample in seconds, rounded up to its bucket's end (at most 0.1 %, or 1 us)."""
        return self.order_statistic_bounds(rank)[1]

    def percentile(self, percent: float) -> float | None:
        """The smallest recorded value that at least ``percent`` per cent of the samples do not exceed, in seconds.

        None without samples; infinite where it falls among the unanswered.
        """
        if not 0 <= percent <= 100:
            raise HarnessError(f"percentile {percent} was asked; give a number from 0 to 100")
        if not self.count:
            return None
        # The tolerance keeps 95 % of 100 at rank 95 although 0.95 * 100 is a hair more in binary.
        return self.order_statistic(max(1, math.ceil(percent / 100 * self.count - 1e-9)))

    @property
    def mean(self) -> float | None:
        """Mean of the answered ones in seconds; None without any."""
        if not self.answered:
            return None
        lowest, highest = _bucket_edges()
        return float(np.dot(self._counts(), 0.5 * (lowest + highest)) / self.answered)

    @property
    def maximum(self) -> float | None:
        """The largest answered latency in seconds; None without any."""
        return self.order_statistic(self.answered) if self.answered else None

    def merge(self, other: LatencyRecord) -> None:
        """Add all samples of ``other`` to this record."""
        self._histogram.add(other._histogram)
        self._unanswered += other._unanswered

    @classmethod
    def merged(cls, *records: LatencyRecord) -> Self:
        """A new record with the samples of all of them."""
        total = cls()
        for record in records:
            total.merge(record)
        return total

    def encode(self) -> str:
        """The record as text: the number of unanswered requests, a colon, the histogram in HDR's V2 encoding."""
        return f"{self._unanswered}:{self._histogram.encode().decode('ascii')}"

    @classmethod
    def decode(cls, text: str) -> Self:
        """The record that :meth:`encode` wrote.

        Raises
        ------
        HarnessError
            The text is not such a record.
        """
        record = cls()
        unanswered, _, histogram = text.partition(":")
        try:
            record._unanswered = int(unanswered)
            record._histogram.decode_and_add(histogram)
        except Exception as error:
            raise HarnessError(f"cannot read a latency record from {text[:40]!r}: {error}") from error
        return record

    def __repr__(self) -> str:
        p50, p95 = self.percentile(50), self.percentile(95)
        return f"LatencyRecord(count={self.count}, unanswered={self._unanswered}, p50={p50}, p95={p95})"

    def _counts(self) -> NDArray[np.int64]:
        return np.frombuffer(self._histogram.counts, dtype=np.uint64).astype(np.int64)


@cache
def _bucket_edges() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest latency of each bucket in seconds, shape (n_buckets,)."""
    histogram = HdrHistogram(1, _HIGHEST_SECONDS * _UNITS_PER_SECOND, _SIGNIFICANT_DIGITS)
    units = np.array([histogram.get_value_from_index(index) for index in range(histogram.counts_len)], dtype=np.float64)
    # A latency is truncated to whole units, so a bucket reaches up to the start of the next.
    ends = np.append(units[1:], 2 * units[-1])
    return units / _UNITS_PER_SECOND, ends / _UNITS_PER_SECOND
