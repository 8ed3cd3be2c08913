"""What Locust's processes are told to do, as data: they run elsewhere, and an operation cannot go with them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from seatrial.errors import ConfigurationError, HarnessError
from seatrial.load.arrivals import Schedule, Segment

__all__ = ["JOB_VARIABLE", "KEY_VARIABLE", "OWNED_VARIABLE", "LocustJob", "LocustRequest"]

JOB_VARIABLE = "SEATRIAL_LOCUST_JOB"
"""Environment variable with the path of the job's file; workers get the job from their master."""
KEY_VARIABLE = "SEATRIAL_TARGET_KEY"
"""Environment variable with the target's key. It is in no file, no argument and no message between the processes."""
OWNED_VARIABLE = "SEATRIAL_LOCUST_OWNED"
"""Environment variable that is set where the process must not outlive the one that started it."""

_NUMBER = "{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocustRequest:
    """One HTTP request. ``{number}`` in path, header values and body stands for the request's number in its stage.

    Parameters
    ----------
    path
        From the root of the target on, with its query.
    headers
        Without the key, which goes by the environment. A body is JSON unless a ``Content-Type`` says otherwise.
    expected
        Status codes of a right answer.
    """

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    expected: tuple[int, ...] = (200,)

    def __post_init__(self) -> None:
        if not self.path.startswith("/"):
            raise ConfigurationError(f"the path of a request is {self.path!r}; give one that begins with /")
        if not self.expected:
            raise ConfigurationError(f"{self.method} {self.path}: no status is expected; give at least one")

    def numbered(self, number: int) -> LocustRequest:
        """The request with its number filled in."""
        text = str(number)
        return replace(
            self,
            path=self.path.replace(_NUMBER, text),
            headers={name: value.replace(_NUMBER, text) for name, value in self.headers.items()},
            body=None if self.body is None else self.body.replace(_NUMBER.encode(), text.encode()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LocustJob:
    """A stage for Locust.

    Parameters
    ----------
    base_url
        Scheme, host and port of the target.
    requests
        Taken in turn by the requests' numbers.
    workers
        How many workers share the due times: worker ``i`` takes those of rank ``i``, ``i + workers``, ...
    time_limit
        Seconds from sending to the end of the answer.
    lost_cause_seconds
        The stage ends early when every request failed for so long; never if None.
    """

    name: str
    base_url: str
    requests: tuple[LocustRequest, ...]
    schedule: Schedule
    warm_up: Schedule | None
    workers: int
    time_limit: float
    lost_cause_seconds: float | None

    @property
    def planned_seconds(self) -> float:
        """Warm-up and measured window together."""
        return self.schedule.seconds + (self.warm_up.seconds if self.warm_up else 0.0)

    def request(self, number: int) -> LocustRequest:
        """The request of this number, as written, without the number in it."""
        return self.requests[number % len(self.requests)]

    def to_json(self) -> str:
        """The job as text."""
        return json.dumps(
            {
                "name": self.name,
                "base_url": self.base_url,
                "requests": [_request_to_data(request) for request in self.requests],
                "schedule": _schedule_to_data(self.schedule),
                "warm_up": None if self.warm_up is None else _schedule_to_data(self.warm_up),
                "workers": self.workers,
                "time_limit": self.time_limit,
                "lost_cause_seconds": self.lost_cause_seconds,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The job that :meth:`to_json` wrote.

        Raises
        ------
        HarnessError
            The text is no job of this version.
        """
        try:
            data = json.loads(text)
            data["requests"] = tuple(_request_from_data(request) for request in data["requests"])
            data["schedule"] = _schedule_from_data(data["schedule"])
            data["warm_up"] = None if data["warm_up"] is None else _schedule_from_data(data["warm_up"])
            return cls(**data)
        except (ValueError, KeyError, TypeError) as error:
            raise HarnessError(
                f"cannot read Locust's job from {text[:80]!r}: {type(error).__name__}: {error}; "
                "master and workers need the same version of seatrial"
            ) from error


def _request_to_data(request: LocustRequest) -> dict[str, Any]:
    return {
        "path": request.path,
        "method": request.method,
        "headers": dict(request.headers),
        "body": None if request.body is None else base64.b64encode(request.body).decode("ascii"),
        "expected": list(request.expected),
    }


def _request_from_data(data: dict[str, Any]) -> LocustRequest:
    body = data["body"]
    return LocustRequest(
        path=data["path"],
        method=data["method"],
        headers=data["headers"],
        body=None if body is None else base64.b64decode(body),
        expected=tuple(data["expected"]),
    )


def _schedule_to_data(schedule: Schedule) -> list[dict[str, float]]:
    return [asdict(segment) for segment in schedule.segments]


def _schedule_from_data(data: list[dict[str, float]]) -> Schedule:
    return Schedule(tuple(Segment(**segment) for segment in data))
