"""A real server process on loopback with a real DuckDB file, started once for all tests that only need one."""

import json
import os
import select
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

KEY = "a-bootstrap-key-of-many-characters"
#: Friday in session, a quarter of an hour after the open; the clock runs from here.
CLOCK = "2013-03-01T09:45:00-05:00"
START_SECONDS = 60.0


@dataclass
class Server:
    """A server process and how to reach it."""

    process: subprocess.Popen[bytes]
    url: str
    database: Path
    log: Path

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and give the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(20)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


@dataclass
class Answer:
    """An answer, its JSON parsed where it is JSON."""

    status: int
    headers: dict[str, str]
    body: bytes
    json: object = field(default=None)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "wheelhouse", *arguments]


def environment(tmp: Path, **extra: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WHEELHOUSE_")}
    config = tmp / "no-config"
    config.mkdir(exist_ok=True)
    return kept | {
        "WHEELHOUSE_CONFIG_DIR": str(config),
        "WHEELHOUSE_BOOTSTRAP_KEY": KEY,
        "WHEELHOUSE_CLOCK": CLOCK,
        "PYTHONWARNINGS": "error",
    } | extra  # fmt: skip


def start(tmp: Path, database: Path, *arguments: str, **extra: str) -> Server:
    log = tmp / f"server-{time.monotonic_ns()}.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command("serve", "--port", "0", "--database", f"duckdb:///{database}", *arguments),
            stdout=subprocess.PIPE,
            stderr=stream,
            env=environment(tmp, **extra),
            cwd=tmp,
        )
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    line = process.stdout.readline() if ready else b""
    if not line:
        process.kill()
        process.stdout.close()
        pytest.fail(f"the server did not announce itself; code {process.wait(10)}; its log:\n{log.read_text()}")
    message = json.loads(line)
    assert message["event"] == "listening"
    return Server(process=process, url=message["url"], database=database, log=log)


@pytest.fixture
def launch(tmp_path) -> Iterator[Callable[..., Server]]:
    """Start a server of the test's own, on the same database again if asked twice."""
    started: list[Server] = []

    def begin(*arguments: str, **extra: str) -> Server:
        started.append(start(tmp_path, tmp_path / "own.db", *arguments, **extra))
        return started[-1]

    yield begin
    for server in started:
        if server.process.poll() is None:
            server.end(signal.SIGKILL)


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    """The shared server, fed with a year of the sample market and its chains."""
    tmp = tmp_path_factory.mktemp("server")
    running = start(tmp, tmp / "shared.db")
    try:
        feed(running.url, ["AAPL", "MSFT"])
        yield running
    finally:
        if running.process.poll() is None:
            code = running.end()
            assert code == 0, running.log.read_text()


def feed(url: str, symbols: list[str]) -> None:
    body = {"source": "sample", "symbols": symbols, "start": "2012-01-03", "end": "2013-03-01"}
    begun = _ask(url, "POST", "/v1/ingestions", body)
    deadline = time.monotonic() + 60
    while True:
        state = _ask(url, "GET", f"/v1/ingestions/{begun['id']}")
        if state["state"] == "done":
            return
        assert state["state"] in ("queued", "running"), state
        assert time.monotonic() < deadline, state
        time.sleep(0.05)


def _ask(url: str, method: str, path: str, body: object = None):
    request = urllib.request.Request(
        url + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


class Client:
    """Asks a server; every answer with an error is checked to be a problem."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def __call__(
        self, method: str, path: str, body: object = None, *, key: str | None = KEY, **headers: str
    ) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent.setdefault("Authorization", f"Bearer {key}")
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        async with self._session.request(method, self._url + path, data=data, headers=sent) as answer:
            raw = await answer.read()
            kind = answer.headers.get("Content-Type", "")
            parsed = json.loads(raw, parse_constant=_no_constants) if "json" in kind else None
            if answer.status >= 400 and not path.startswith("/readyz"):
                assert kind == "application/problem+json", (method, path, answer.status, kind, raw)
                assert parsed.keys() >= {"type", "title", "status", "detail", "instance"}
                assert parsed["status"] == answer.status
            assert answer.headers["x-request-id"]
            return Answer(
                status=answer.status, headers={k.lower(): v for k, v in answer.headers.items()}, body=raw, json=parsed
            )

    async def account(self, *, cash: float = 100_000.0, kind: str = "cash", positions=(), name: str = "test") -> str:
        answer = await self(
            "POST", "/v1/accounts", {"name": name, "kind": kind, "cash": cash, "positions": list(positions)}
        )
        assert answer.status == 201, answer.json
        return answer.json["id"]


def _no_constants(name: str):
    raise AssertionError(f"{name} in an answer")


@pytest.fixture
async def ask(server):
    async with aiohttp.ClientSession() as session:
        yield Client(session, server.url)


@pytest.fixture
async def client_of():
    """Make a client for a server of the test's own."""
    async with aiohttp.ClientSession() as session:
        yield lambda server: Client(session, server.url)
