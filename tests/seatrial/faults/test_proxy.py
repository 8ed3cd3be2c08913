import asyncio
import contextlib

import pytest

from seatrial.errors import ConfigurationError
from seatrial.events import FaultPhase
from seatrial.faults.errors import FaultNotPossible, FaultNotVerified
from seatrial.faults.network import NetworkFault
from seatrial.faults.proxy import TcpProxy
from seatrial.faults.toxics import Bandwidth, Blackhole, Down, HalfClose, Latency, Reset, Slicing


@contextlib.asynccontextmanager
async def dependency():
    """A server that answers each byte with itself and counts its connections."""
    writers = []

    async def answer(reader, writer):
        writers.append(writer)
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(65_536):
                writer.write(chunk)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], writers
    finally:
        server.close()
        for writer in writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@pytest.fixture
async def proxy():
    async with dependency() as (port, writers), TcpProxy("127.0.0.1", port, seed=1) as proxy:
        proxy.reached = writers
        yield proxy


@contextlib.asynccontextmanager
async def connected(proxy):
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def there_and_back(client, payload: bytes = b"x") -> float:
    reader, writer = client
    start = asyncio.get_running_loop().time()
    writer.write(payload)
    assert await asyncio.wait_for(reader.readexactly(len(payload)), 5) == payload
    return asyncio.get_running_loop().time() - start


async def test_without_toxics_everything_goes_through_unchanged(proxy):
    payload = bytes(range(256)) * 8192
    async with connected(proxy) as client:
        await there_and_back(client, payload)
        client[1].write_eof()
        assert await client[0].read() == b""
    assert len(proxy.reached) == 1


async def test_latency_is_felt_while_it_is_in_force_and_costs_no_throughput(journal, told, well, proxy):
    async with connected(proxy) as client:
        assert await there_and_back(client) < 0.35
        async with NetworkFault(journal, proxy, Latency(seconds=0.2, direction="both")):
            assert 0.39 < await there_and_back(client) < 3
            assert await there_and_back(client, bytes(2_000_000)) < 4
        assert await there_and_back(client) < 0.35
    assert told.phases() == well
    assert told.events[0].fault == "dependency_slow"


async def test_jitter_keeps_the_order_and_stays_in_its_bounds(proxy):
    await proxy.switch(Latency(seconds=0.05, jitter_seconds=0.04))
    async with connected(proxy) as client:
        times = [await there_and_back(client) for _ in range(10)]
        assert min(times) > 0.009
        assert max(times) - min(times) > 0.01
        pieces = [bytes([number]) for number in range(20)]
        for piece in pieces:
            client[1].write(piece)
            await asyncio.sleep(0.002)
        assert await client[0].readexactly(20) == b"".join(pieces)


async def test_what_is_late_arrives_at_once_when_the_latency_ends(proxy):
    await proxy.switch(Latency(seconds=30))
    async with connected(proxy) as client:
        waiting = asyncio.ensure_future(there_and_back(client))
        await asyncio.sleep(0.1)
        await proxy.switch()
        assert await waiting < 10


async def test_bandwidth(journal, told, well, proxy):
    async with connected(proxy) as client:
        async with NetworkFault(journal, proxy, Bandwidth(bytes_per_second=20_000)):
            assert 0.4 < await there_and_back(client, bytes(10_000)) < 4
        assert await there_and_back(client, bytes(10_000)) < 0.4
    assert told.phases() == well


async def test_slicing(journal, told, well, proxy):
    async with connected(proxy) as client, NetworkFault(journal, proxy, Slicing(piece_bytes=3, pause_seconds=0.01)):
        client[1].write(b"0123456789")
        pieces = [await client[0].read(100)]
        while sum(map(len, pieces)) < 10:
            pieces.append(await client[0].read(100))
        assert b"".join(pieces) == b"0123456789"
        assert len(pieces) > 1
    assert told.phases() == well


async def test_reset_ends_running_and_new_connections_with_rst(journal, told, well, proxy):
    async with connected(proxy) as client:
        await there_and_back(client)
        async with NetworkFault(journal, proxy, Reset()):
            with pytest.raises(ConnectionResetError):
                await client[0].read()
            async with connected(proxy) as another:
                with pytest.raises(ConnectionResetError):
                    await another[0].read()
    async with connected(proxy) as client:
        await there_and_back(client)
    assert told.phases() == well


async def test_reset_after_some_bytes(journal, told, well, proxy):
    async with NetworkFault(journal, proxy, Reset(after_bytes=100)), connected(proxy) as client:
        await there_and_back(client, bytes(99))
        client[1].write(bytes(50))
        with pytest.raises(ConnectionResetError):
            await client[0].readexactly(50)
    assert told.phases() == well


async def test_a_black_hole_is_silent_and_gives_back_what_it_held(journal, told, well, proxy):
    async with connected(proxy) as client:
        await there_and_back(client)
        async with NetworkFault(journal, proxy, Blackhole()):
            client[1].write(b"held")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client[0].read(1), 0.2)
        assert await asyncio.wait_for(client[0].readexactly(4), 10) == b"held"
    assert told.phases() == well


async def test_a_half_closed_connection_carries_the_other_way_only(journal, told, well, proxy):
    async with connected(proxy) as client:
        await there_and_back(client)
        async with NetworkFault(journal, proxy, HalfClose(after_bytes=1)):
            assert await asyncio.wait_for(client[0].read(), 10) == b""
            client[1].write(b"still heard")
            await client[1].drain()
    assert told.phases() == well


async def test_half_close_cuts_an_answer_short(proxy):
    await proxy.switch(HalfClose(after_bytes=10))
    async with connected(proxy) as client:
        client[1].write(bytes(100))
        assert len(await asyncio.wait_for(client[0].read(), 10)) == 10


async def test_a_dependency_that_is_down_refuses_and_is_back_on_its_port(journal, told, well, proxy):
    port = proxy.port
    async with connected(proxy) as client:
        await there_and_back(client)
        async with NetworkFault(journal, proxy, Down()):
            with pytest.raises(ConnectionResetError):
                await client[0].read()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(proxy.host, port)
    assert proxy.port == port
    async with connected(proxy) as client:
        await there_and_back(client)
    assert told.phases() == well
    assert "refused" in told.detail(FaultPhase.VERIFIED)


async def test_faults_stand_on_one_another_and_leave_in_turn(journal, proxy):
    async with NetworkFault(journal, proxy, Latency(seconds=0.05)):
        async with NetworkFault(journal, proxy, Slicing(piece_bytes=2)):
            assert proxy.toxics == (Latency(seconds=0.05), Slicing(piece_bytes=2))
        assert proxy.toxics == (Latency(seconds=0.05),)
    assert proxy.toxics == ()


async def test_a_toxic_that_has_no_effect_is_not_verified(journal, told, proxy):
    class Ineffective(NetworkFault):
        async def inject(self):
            await proxy.switch()

    for toxic in (Latency(seconds=2), Bandwidth(bytes_per_second=1000), Reset(), Down(), Blackhole(), HalfClose()):
        with pytest.raises(FaultNotVerified):
            async with Ineffective(journal, proxy, toxic):
                pytest.fail(f"{toxic} is not in force")
    assert told.phases("dependency_down") == ["planned", "probed", "injected", "-verified", "released"]


async def test_verifying_asks_nothing_of_the_dependency(journal, proxy):
    async with NetworkFault(journal, proxy, Latency(seconds=0.05)):
        assert proxy.reached == []


async def test_a_dependency_that_is_not_there_is_felt_as_a_reset(proxy):
    async with dependency() as (port, _):
        pass
    async with TcpProxy("127.0.0.1", port) as without, connected(without) as client:
        with pytest.raises(ConnectionResetError):
            await client[0].read()


async def test_a_proxy_that_does_not_listen_has_no_faults(journal):
    with pytest.raises(FaultNotPossible, match="not been started"):
        async with NetworkFault(journal, TcpProxy("127.0.0.1", 1), Down()):
            pytest.fail("nothing to break")


async def test_it_ends_with_connections_open():
    async with dependency() as (port, _):
        async with TcpProxy("127.0.0.1", port) as proxy:
            client = await asyncio.open_connection(proxy.host, proxy.port)
            await there_and_back(client)
            await proxy.switch(Blackhole())
            client[1].write(b"held")
        assert proxy.open_connections == 0
        client[1].close()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Latency(seconds=-1),
        lambda: Latency(seconds=0.1, jitter_seconds=0.2),
        lambda: Latency(seconds=float("nan")),
        lambda: Bandwidth(bytes_per_second=0),
        lambda: Slicing(piece_bytes=0),
        lambda: Reset(after_bytes=-1),
    ],
)
def test_figures_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ConfigurationError):
        wrong()
