"""A timeline that several workers write and one reader puts together."""

from __future__ import annotations

from typing import Any

from seatrial.load.timeline import Timeline

__all__ = ["SharedTimeline"]


class SharedTimeline(Timeline):
    """A timeline that can be sent and merged: counts are added and response times pooled, nothing is averaged."""

    __slots__ = ()

    def to_data(self) -> dict[str, Any]:
        """All slots as JSON values."""
        return {
            "seconds": self._seconds,
            "slots": [
                [dict(slot.counts), {str(number): count for number, count in slot.responses.items()}, slot.response_max]
                for slot in self._slots
            ],
        }

    def absorb(self, data: dict[str, Any]) -> None:
        """Add the slots that :meth:`to_data` gave."""
        seconds = float(data["seconds"])
        while self._seconds < seconds:
            self._halve()
        for number, (counts, responses, response_max) in enumerate(data["slots"]):
            slot = self._slot(number * seconds)
            slot.counts.update(counts)
            slot.responses.update({int(bin_number): count for bin_number, count in responses.items()})
            slot.response_max = max(slot.response_max, response_max)
