"""The bundled target: a real wheelhouse server on loopback, started, fed, stopped and killed here and nowhere else."""

import asyncio
import contextlib
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from seatrial.errors import ConfigurationError, TargetFailure
from seatrial.target.http import HttpTarget, json_object
from seatrial.target.process import REFUSED_TO_START, ServerProcess
from seatrial.target.sabotage import Saboteur

#: The trial's own moment: the open of an ordinary Friday, so that it says the same at any hour of any day.
TRIAL_CLOCK = "2013-03-01T09:30:00-05:00"
SYMBOLS = ("AAPL", "IBM", "MSFT", "GOOG")
#: Daily history that the target is fed before the trial, enough for a year of risk numbers.
HISTORY_START = "2011-01-03"
FEED_SECONDS = 60.0
READY_SECONDS = 30.0

Wrap = Callable[[Sequence[str]], Sequence[str]]


class WheelhouseLaunch:
    """Starts the healthy server, as often as asked, on one database and one address.

    Parameters
    ----------
    folder
        Holds the database, unless `database_url` says otherwise, and the server's log.
    key
        The administrator's key that the server is born with; passed in the environment, not on the command line.
    """

    def __init__(self, folder: Path, *, key: str, clock: str = TRIAL_CLOCK, database_url: str | None = None) -> None:
        self.folder = folder
        self.key = key
        self.database_url = database_url or f"duckdb:///{folder / 'trial.db'}"
        self._environment = _environment(key, clock)
        self._process: ServerProcess | None = None
        self._url: str | None = None
        self._again: tuple[dict[str, str], tuple[str, ...], Wrap | None] = ({}, (), None)

    @property
    def process(self) -> ServerProcess:
        """The server's process."""
        if self._process is None:
            raise TargetFailure("the server has not been started", kind="start")
        return self._process

    @property
    def url(self) -> str:
        """Address of the server itself, behind whatever a saboteur puts before it."""
        if self._url is None:
            raise TargetFailure("the server has not been started", kind="start")
        return self._url

    async def __call__(
        self, env: Mapping[str, str] | None = None, argv: Sequence[str] = (), wrap: Wrap | None = None
    ) -> str:
        """Start the server and return its address.

        Parameters
        ----------
        env
            Added to the server's environment.
        argv
            Added to ``wheelhouse serve``.
        wrap
            Turns the command line into another one that runs it.
        """
        self._again = (dict(env or {}), tuple(argv), wrap)
        port = "0" if self._url is None else str(urlsplit(self._url).port)
        command: Sequence[str] = (
            sys.executable,
            "-m",
            "wheelhouse",
            "serve",
            "--host",
            "127.0.0.1",
            "--port",
            port,
            "--database",
            self.database_url,
            *argv,
        )
        self._process = ServerProcess(
            command if wrap is None else wrap(command),
            env=self._environment | dict(env or {}),
            cwd=Path.cwd(),
            log=self.folder / "server.log",
        )
        self._url = await self._process.start()
        return self._url

    async def restart(self) -> None:
        """Start it again as it was started last, on the same address."""
        env, argv, wrap = self._again
        await self(env, argv, wrap)

    async def kill(self) -> None:
        """SIGKILL the server."""
        await self.process.kill()

    async def stop(self) -> None:
        """End the server if it runs."""
        if self._process is not None and self._process.running:
            await self._process.stop()

    @property
    def data_files(self) -> tuple[Path, ...]:
        """The database and its write-ahead log, where they are files."""
        scheme, _, rest = self.database_url.partition(":///")
        if scheme != "duckdb" or rest == ":memory:":
            return ()
        database = Path(rest)
        return tuple(path for path in (database, Path(f"{database}.wal")) if path.exists())

    @property
    def config_directory(self) -> Path | None:
        """The configuration that the server was started with last, or would be."""
        env, _, _ = self._again
        directory = (self._environment | env).get("WHEELHOUSE_CONFIG_DIR")
        return Path(directory) if directory else None


def _environment(key: str, clock: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WHEELHOUSE_")}
    config = Path.cwd() / "config"
    if config.is_dir():
        kept["WHEELHOUSE_CONFIG_DIR"] = str(config)
    return kept | {
        "PYTHONUNBUFFERED": "1",
        "WHEELHOUSE_ENV": "staging",
        "WHEELHOUSE_BOOTSTRAP_KEY": key,
        "WHEELHOUSE_CLOCK": clock,
    }


class WheelhouseTarget(HttpTarget):
    """The bundled wheelhouse, fed with the sample market and ready to be tried.

    Parameters
    ----------
    saboteur
        Puts a deliberate defect into the server or before it; none by default.
    """

    def __init__(
        self,
        *,
        lacks: Sequence[str] = (),
        saboteur: Saboteur | None = None,
        clock: str = TRIAL_CLOCK,
        database_url: str | None = None,
        time_limit_seconds: float = 30.0,
    ) -> None:
        # Made when the target is entered: one that is only made leaves nothing behind.
        self._folder = Path(tempfile.gettempdir()) / f"seatrial-{secrets.token_hex(6)}"
        self._saboteur = saboteur
        self._database_given = database_url is not None
        key = secrets.token_urlsafe(32)
        self.launch = WheelhouseLaunch(self._folder, key=key, clock=clock, database_url=database_url)
        self._stack = contextlib.AsyncExitStack()
        super().__init__(
            "http://127.0.0.1", key=key, symbols=SYMBOLS, lacks=lacks, time_limit_seconds=time_limit_seconds
        )

    async def __aenter__(self) -> Self:
        self._folder.mkdir(mode=0o700)
        try:
            if self._saboteur is None:
                self.url = await self.launch()
            else:
                self.url = await self._stack.enter_async_context(self._saboteur.sabotage(self.launch))
            # Feeding is not on trial: it goes to the server itself, past whatever stands before it.
            async with HttpTarget(self.launch.url, key=self._key) as direct:
                await direct.wait_until("/livez", within_seconds=READY_SECONDS)
                await _refuse_foreign_accounts(direct, self.launch.database_url)
                await _feed(direct, self.symbols)
                await direct.wait_until("/readyz", within_seconds=READY_SECONDS)
            return await super().__aenter__()
        except TargetFailure as failure:
            await self._clean_up()
            if self._database_given and failure.kind == REFUSED_TO_START:
                raise ConfigurationError(
                    f"TEST_DATABASE_URL={self.launch.database_url!r} is no database for a trial: {failure.detail}"
                ) from failure
            raise
        except BaseException:
            await self._clean_up()
            raise

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await super().__aexit__(exc_type, exc, traceback)
        await self._clean_up()

    async def _clean_up(self) -> None:
        try:
            await self._stack.aclose()
        finally:
            await self.launch.stop()
            shutil.rmtree(self._folder)

    # -- control

    @property
    def process_id(self) -> int:
        """Root of the server's process tree."""
        return self.launch.process.process_id

    @property
    def data_files(self) -> tuple[Path, ...]:
        """Files in which the server keeps its state."""
        return self.launch.data_files

    @property
    def config_directory(self) -> Path | None:
        """The configuration files that the server was started with."""
        return self.launch.config_directory

    async def kill(self) -> None:
        """SIGKILL the server."""
        await self.launch.kill()

    async def restart(self) -> None:
        """Start the server again on the same data and address, and wait until it is ready."""
        await self.launch.restart()
        async with HttpTarget(self.launch.url, key=self._key) as direct:
            await direct.wait_until("/readyz", within_seconds=READY_SECONDS)


async def _refuse_foreign_accounts(target: HttpTarget, database_url: str) -> None:
    foreign = [name for name in await target.account_names() if not name.startswith("seatrial-")]
    if foreign:
        raise ConfigurationError(
            f"the database {database_url} holds {len(foreign)} account(s) that no trial made, the first {foreign[0]!r}: "
            "name an empty one in TEST_DATABASE_URL"
        )


async def _feed(target: HttpTarget, symbols: Sequence[str]) -> None:
    about = await target.about()
    body = await target.ask(
        "POST",
        "/v1/ingestions",
        payload={
            "source": "sample",
            "symbols": list(symbols),
            "start": HISTORY_START,
            "end": about.now.date().isoformat(),
        },
        accepted=(202,),
    )
    ingestion = json_object(body, asked="POST /v1/ingestions")["id"]
    loop = asyncio.get_running_loop()
    deadline = loop.time() + FEED_SECONDS
    path = f"/v1/ingestions/{ingestion}"
    while True:
        state = json_object(await target.ask("GET", path), asked=f"GET {path}")
        if state.get("state") == "done":
            return
        if state.get("state") in {"failed", "cancelled"}:
            raise TargetFailure(f"the sample market could not be fed: {state.get('error')}", kind="feed")
        if loop.time() > deadline:
            raise TargetFailure(f"feeding the sample market took more than {FEED_SECONDS:g} s: {state}", kind="timeout")
        await asyncio.sleep(0.1)
