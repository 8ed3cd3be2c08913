"""How well the open-loop generator keeps its schedule: offered rate and slip P99 on one core.

Run it with ``python benchmarks/open_loop.py [--rate 1000] [--seconds 10]``. A trivial HTTP server runs in a process of its
own on loopback; where there are two cores, generator and server each get theirs.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys

import aiohttp

from seatrial.errors import TargetFailure
from seatrial.load.affinity import separated
from seatrial.load.arrivals import constant
from seatrial.load.guard import GuardLimits
from seatrial.load.lock import measuring_lock
from seatrial.load.open_loop import run_open_loop
from seatrial.load.stage import StageResult

_LATENCY_LIMIT = 0.1

_SERVER = r"""
import asyncio

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

class Answering(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.tail = b""

    def data_received(self, data):
        *requests, self.tail = (self.tail + data).split(b"\r\n\r\n")
        self.transport.write(ANSWER * len(requests))

async def main():
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


async def measure(rate: float, seconds: float) -> StageResult:
    """Run one stage against the trivial server."""
    server = subprocess.Popen([sys.executable, "-c", _SERVER], stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}/"
        async with (
            measuring_lock("benchmarks/open_loop.py", on_wait=print),
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        ):

            async def operation(number: int) -> None:  # noqa: ARG001 - all requests are alike
                async with session.get(url) as answer:
                    if await answer.read() != b"ok":
                        raise TargetFailure(f"GET {url}: not ok")

            with separated([server.pid]) as placement:
                return await run_open_loop(
                    operation,
                    constant(rate, seconds),
                    name=f"{rate:g}/s",
                    time_limit=5,
                    in_flight_cap=1000,
                    warm_up=constant(rate, 2),
                    guard_limits=GuardLimits(tightest_latency_limit=_LATENCY_LIMIT),
                    co_located=placement.co_located,
                )
    finally:
        server.kill()
        server.communicate()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=1000.0, help="requests per second")
    parser.add_argument("--seconds", type=float, default=10.0)
    chosen = parser.parse_args()
    result = asyncio.run(measure(chosen.rate, chosen.seconds))
    rows = [
        ("offered", f"{result.offered / result.window_seconds:.1f}/s"),
        ("sent, dropped, failed", f"{result.sent}, {result.dropped}, {result.error_count}"),
        ("throughput", f"{result.throughput:.1f}/s"),
        ("slip P50, P99", f"{_ms(result.slip.percentile(50))}, {_ms(result.slip.percentile(99))}"),
        (
            "service time P50, P99",
            f"{_ms(result.service_time.percentile(50))}, {_ms(result.service_time.percentile(99))}",
        ),
        (
            "response time P50, P99",
            f"{_ms(result.response_time.percentile(50))}, {_ms(result.response_time.percentile(99))}",
        ),
        ("generator core", f"{result.guard.generator_cpu:.0%}"),
        ("steal", "unknown" if result.guard.steal is None else f"{result.guard.steal:.1%}"),
        ("co-located", str(result.co_located).lower()),
        (f"guard at a {_ms(_LATENCY_LIMIT)} limit", "; ".join(result.guard.tripped) or "clean"),
    ]
    for label, value in rows:
        print(f"{label:28} {value}")


def _ms(seconds: float | None) -> str:
    return "none" if seconds is None else f"{seconds * 1e3:.2f} ms"


if __name__ == "__main__":
    main()
