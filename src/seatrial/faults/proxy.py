"""A TCP proxy on loopback whose toxics may be switched while connections run through it."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from seatrial.errors import HarnessError
from seatrial.faults.connection import CHUNK_BYTES, Conditions, Connection
from seatrial.faults.safety import permitted_address
from seatrial.faults.toxics import Toxic


class TcpProxy:
    """Carries connections to a dependency, as the present toxics let it.

    Parameters
    ----------
    host, port
        The dependency.
    allow
        Addresses other than loopback that may be reached.
    seed
        Of the jitter.

    Raises
    ------
    AddressRefused
        On entering: the dependency is neither on loopback nor allowed.
    """

    def __init__(self, host: str, port: int, *, allow: Sequence[str] = (), seed: int = 0) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self._upstream = (host, port)
        self._allow = tuple(allow)
        self._conditions = Conditions(seed=seed)
        self._socket: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._echo: asyncio.Server | None = None
        self._echoes: set[asyncio.Task[None]] = set()
        self._echoed: set[int] = set()

    @property
    def toxics(self) -> tuple[Toxic, ...]:
        """What is in force now."""
        return self._conditions.toxics

    @property
    def open_connections(self) -> int:
        """How many connections run through it now."""
        return len(self._connections)

    async def switch(self, *toxics: Toxic) -> None:
        """Put these in force instead of what was, for running connections too; without any, the way is clear."""
        was_down = self._conditions.down
        self._conditions.change(toxics)
        if self._conditions.down and not was_down:
            await self._refuse()
        elif was_down and not self._conditions.down:
            await self._listen()

    @contextlib.contextmanager
    def echoing(self, port: int) -> Iterator[None]:
        """Let the connection that comes from this local port end at an echo instead of the dependency.

        It runs through the same toxics, so that they can be seen to work whatever language the dependency speaks.
        """
        self._echoed.add(port)
        try:
            yield
        finally:
            self._echoed.discard(port)

    async def __aenter__(self) -> Self:
        """Listen on a free port of loopback."""
        self._upstream = await permitted_address(*self._upstream, self._allow)
        self._echo = await asyncio.start_server(self._answer_echo, "127.0.0.1", 0)
        await self._listen()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop listening and end every connection."""
        for server in (self._server, self._echo):
            if server is not None:
                server.close()
        if self._socket is not None:
            self._socket.close()
        tasks = [*self._connections, *self._echoes]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _bind(self) -> None:
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setblocking(False)
        try:
            bound.bind((self.host, self.port))
        except OSError as cause:
            bound.close()
            raise HarnessError(f"the proxy cannot have {self.host}:{self.port}: {cause}") from cause
        self._socket, self.port = bound, bound.getsockname()[1]

    async def _listen(self) -> None:
        if self._socket is None:
            self._bind()
        self._server = await asyncio.start_server(self._accept, sock=self._socket)
        self._socket = None

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            # A socket that is bound and does not listen keeps the port ours while the kernel refuses whoever comes.
            self._bind()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connection = Connection(self._conditions, reader, writer)
        self._connections[task] = connection
        try:
            await connection.run(*self._upstream_of(writer))
        except OSError:
            # One side is gone or was never there; the other one learns it the same way.
            connection.reset()
        finally:
            del self._connections[task]
            await connection.close()

    def _upstream_of(self, client: asyncio.StreamWriter) -> tuple[str, int]:
        if client.get_extra_info("peername")[1] in self._echoed and self._echo is not None:
            host, port = self._echo.sockets[0].getsockname()[:2]
            return str(host), int(port)
        return self._upstream

    async def _answer_echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._echoes.add(task)
        try:
            while chunk := await reader.read(CHUNK_BYTES):
                writer.write(chunk)
                await writer.drain()
        except OSError:
            return  # its peer is the proxy, which resets connections for a living
        finally:
            self._echoes.discard(task)
            writer.close()
