"""Faults of an HTTP dependency, by a proxy that stands before it."""

import asyncio
from dataclasses import dataclass

import aiohttp

from seatrial.faults.errors import FaultNotVerified, Obstacle
from seatrial.faults.fault import Fault
from seatrial.faults.http_answers import Drip, EmptyBody, Hang, HttpAnswer, Refusal, Truncated
from seatrial.faults.http_proxy import ECHO_HEADER, HttpProxy, Only
from seatrial.faults.journal import Journal

_ECHO_BYTES = 1000
_SILENCE_SECONDS = 0.5
_DRIP_SECONDS = 0.5
_PATIENCE_SECONDS = 10.0
_TOLERANCE = 0.8

_NAMES: dict[type[HttpAnswer], str] = {
    Truncated: "dependency_truncating",
    Hang: "dependency_not_answering",
    EmptyBody: "dependency_empty",
    Drip: "dependency_dripping",
}


class HttpFault(Fault):
    """A dependency that answers otherwise than it would; the one before it is back on release.

    Nothing of it outlives this process: the proxy ends with it.

    Parameters
    ----------
    proxy
        Stands before the dependency, which it was allowed to reach.
    only
        Which requests are concerned, by method and path with its query; without it all are.
    """

    def __init__(self, journal: Journal, proxy: HttpProxy, answer: HttpAnswer, *, only: Only | None = None) -> None:
        super().__init__(journal)
        self.name = f"dependency_{answer.status}" if isinstance(answer, Refusal) else _NAMES[type(answer)]
        self._proxy = proxy
        self._answer = answer
        self._only = only
        self._before: tuple[HttpAnswer | None, Only | None] | None = None

    def describe(self) -> str:
        """The answer and who gives it."""
        return f"{self._answer} from {self._proxy.url}"

    async def probe(self) -> Obstacle | None:
        """A proxy that does not listen answers nothing."""
        if not self._proxy.url:
            return Obstacle(reason="the proxy before the dependency has not been started", cause="target")
        return None

    async def inject(self) -> None:
        """Answer like this from now on."""
        self._before = self._proxy.answer
        self._proxy.switch(self._answer, only=self._only)

    async def verify(self) -> str:
        """Ask the proxy for something that it makes up itself, and look at what comes."""
        seen = await _ask(self._proxy, self._answer)
        if not _as_meant(self._answer, seen):
            raise FaultNotVerified(f"{self._answer} is in force, but what came was {seen}")
        return str(seen)

    async def release(self) -> str | None:
        """Answer as before."""
        before, self._before = self._before, None
        if before is None:
            return None
        self._proxy.switch(before[0], only=before[1])
        return f"{type(self._answer).__name__} is off"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    status: int | None
    retry_after: str | None
    promised: int | None
    received: int
    asked: int
    whole: bool
    seconds: float

    def __str__(self) -> str:
        if self.status is None:
            return f"nothing for {self.seconds:.2f} s"
        state = "whole" if self.whole else "broken off"
        again = "" if self.retry_after is None else f", Retry-After {self.retry_after}"
        return f"status {self.status}{again}, {self.received} of {self.promised} bytes in {self.seconds:.2f} s, {state}"


async def _ask(proxy: HttpProxy, answer: HttpAnswer) -> _Seen:
    asked = int(answer.bytes_per_second * _DRIP_SECONDS) + 1 if isinstance(answer, Drip) else _ECHO_BYTES
    clock = asyncio.get_running_loop().time
    start = clock()
    status = promised = retry_after = None
    body = b""
    whole = False
    limit = _SILENCE_SECONDS if isinstance(answer, Hang) else _PATIENCE_SECONDS
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=limit)) as session,
            session.get(proxy.url, headers={ECHO_HEADER: f"{proxy.echo_word}:{asked}"}) as response,
        ):
            status, promised = response.status, response.content_length
            retry_after = response.headers.get("Retry-After")
            async for chunk in response.content.iter_any():
                body += chunk
            whole = True
    except (aiohttp.ClientPayloadError, TimeoutError):
        whole = False
    except aiohttp.ClientError as cause:
        raise FaultNotVerified(f"the proxy {proxy.url} could not be asked: {cause}") from cause
    return _Seen(
        status=status,
        retry_after=retry_after,
        promised=promised,
        received=len(body),
        asked=asked,
        whole=whole,
        seconds=clock() - start,
    )


def _as_meant(answer: HttpAnswer, seen: _Seen) -> bool:
    match answer:
        case Refusal(status=status, retry_after_seconds=seconds):
            return seen.status == status and seen.retry_after == (None if seconds is None else str(seconds))
        case Truncated(keep=keep, honest_length=honest):
            kept = int(seen.asked * keep)
            return seen.received == kept and seen.promised == (kept if honest else seen.asked) and seen.whole is honest
        case Hang():
            return seen.status is None
        case EmptyBody():
            return seen.status is not None and seen.whole and seen.received == 0
        case Drip(bytes_per_second=rate):
            return seen.whole and seen.received == seen.asked and seen.seconds >= seen.asked / rate * _TOLERANCE
