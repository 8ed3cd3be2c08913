"""Running the service: one process, one socket, a line when it listens, a clean end on SIGTERM."""

import json
import os
import signal
import socket
import sys
from contextlib import closing

import uvicorn

from wheelhouse import __version__
from wheelhouse.errors import ConfigurationError
from wheelhouse.settings import Settings, redact_url, unknown_variables
from wheelhouse.telemetry import Metrics, configure_logging, logger

_KEEP_ALIVE_SECONDS = 75


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests under way finish, then the store is closed.

    Raises
    ------
    ConfigurationError
        The address is taken or cannot be used, or more than one worker is asked of a database that one process holds.
    StoreError
        The database cannot be opened.
    """
    configure_logging(level=settings.log.level)
    for name in unknown_variables(os.environ):
        logger("wheelhouse.settings").warning("no setting reads this variable", variable=name)
    _check_workers(settings)
    with closing(_bind(settings.server.host, settings.server.port)) as listener:
        # Imported here because it takes seconds, which nobody should wait to learn that the port is taken.
        from wheelhouse.service.app import create_app, open_advisor

        metrics = Metrics(version=__version__)
        advisor = open_advisor(settings, metrics)
        try:
            app = create_app(settings, advisor=advisor, metrics=metrics)
            _run(settings, app, listener)
        finally:
            advisor.close()


def _run(settings: Settings, app, listener: socket.socket) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    config = uvicorn.Config(
        app,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=True,
        backlog=settings.server.backlog,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=round(settings.server.drain_seconds),
    )
    server = _Announcing(config, url=_url(settings.server.host, listener), database=redact_url(settings.database_url))
    # uvicorn raises the signal again once it has drained; without a handler of ours that would kill the process
    # before the store is closed, and the exit code would not be 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server.run(sockets=[listener])
    if not server.started:
        raise ConfigurationError("the service did not start; its log has the cause")


class _Announcing(uvicorn.Server):
    """A server that says on standard output when it accepts connections."""

    def __init__(self, config: uvicorn.Config, *, url: str, database: str) -> None:
        super().__init__(config)
        self._url = url
        self._database = database

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            sys.stdout.write(json.dumps({"event": "listening", "url": self._url}) + "\n")
            sys.stdout.flush()
            logger("wheelhouse.service").info("listening", url=self._url, database=self._database)


def _check_workers(settings: Settings) -> None:
    if settings.server.workers == 1:
        return
    if settings.database_url.startswith("duckdb"):
        raise ConfigurationError(
            f"--workers {settings.server.workers} is refused on DuckDB: one process may hold its file; use --workers 1, or PostgreSQL"
        )
    raise ConfigurationError(
        f"--workers {settings.server.workers}: this version serves with one worker; use --workers 1"
    )


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError(f"host {host!r} cannot be used: {error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another --port, or 0 for a free one"
        ) from error
    return listener


def _url(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    shown = f"[{host}]" if listener.family == socket.AF_INET6 else host
    return f"http://{shown}:{port}"
