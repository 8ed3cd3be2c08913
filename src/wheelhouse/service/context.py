"""What every handler is given: the advisor, the keys, the metrics, and the one way to do blocking work."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

from litestar.di import NamedDependency

from wheelhouse.advisor.advisor import Advisor
from wheelhouse.service.keys import KeyRing
from wheelhouse.settings import Settings
from wheelhouse.telemetry import Metrics

P = ParamSpec("P")
R = TypeVar("R")


class Blocking:
    """Runs blocking calls in threads, so that the event loop never waits for the store.

    Parameters
    ----------
    threads
        Calls at once.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="wheelhouse")

    async def __call__(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function in a thread; log lines of the thread carry the request's id."""
        context = contextvars.copy_context()
        call = partial(context.run, partial(function, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def close(self) -> None:
        """Wait for the calls under way and end the threads."""
        self._pool.shutdown(wait=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The service's parts."""

    settings: Settings
    advisor: Advisor
    keys: KeyRing
    metrics: Metrics
    blocking: Blocking


Injected = NamedDependency[Services]
