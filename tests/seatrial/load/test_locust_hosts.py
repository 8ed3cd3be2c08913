"""Master and workers on several hosts: network namespaces have their own interfaces, addresses and loopback."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from seatrial.load.arrivals import constant
from seatrial.load.guard import GuardLimits
from seatrial.load.locust_engine import run_locust
from seatrial.load.locust_job import LocustRequest
from seatrial.load.locust_layout import Cluster
from seatrial.load.stage import StageProgress

pytest.importorskip("gevent", reason="Locust is not installed: seatrial[load]")

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    name: str
    cable: str
    address: str

    @property
    def prefix(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    centre: str
    hosts: tuple[Host, ...]


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@pytest.fixture
def network() -> Iterator[Network]:
    """Two hosts, each on a cable of its own to this one; the second reaches the master through its gateway."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if shutil.which("ip") is None:
        pytest.skip("network namespaces need iproute2")
    # Its own for each run, so that two at once do not meet. 198.18/15 is kept for such tests (RFC 2544).
    mark = os.getpid() % 250
    hosts = tuple(
        Host(name=f"seatrial-{os.getpid()}-{side}", cable=f"st{mark}{side}", address=f"198.18.{mark}.{block + 2}")
        for side, block in (("a", 0), ("b", 4))
    )
    with contextlib.ExitStack() as stack:
        for host, block in zip(hosts, (0, 4), strict=True):
            gateway = f"198.18.{mark}.{block + 1}"
            try:
                ip("netns", "add", host.name)
                stack.callback(ip, "netns", "delete", host.name)
                ip("link", "add", host.cable, "type", "veth", "peer", "name", "eth0", "netns", host.name)
                # Its other end goes with the namespace, but not before the last process in it.
                stack.callback(ip, "link", "delete", host.cable)
                ip("address", "add", f"{gateway}/30", "dev", host.cable)
                ip("link", "set", host.cable, "up")
                ip("-n", host.name, "address", "add", f"{host.address}/30", "dev", "eth0")
                ip("-n", host.name, "link", "set", "eth0", "up")
                ip("-n", host.name, "route", "add", "default", "via", gateway)
            except subprocess.CalledProcessError as error:
                pytest.skip(f"this kernel gives no network namespaces: {' '.join(error.cmd)}: {error.stderr}")
        yield Network(centre=f"198.18.{mark}.1", hosts=hosts)


async def test_workers_on_other_hosts_are_one_stage(network: Network, tmp_path: Path) -> None:
    asked_from: set[str] = set()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        assert request.remote is not None
        asked_from.add(request.remote)
        return web.Response(text="ok")

    runner = web.ServerRunner(web.Server(handler), access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        site = web.TCPSite(runner, network.centre, 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        result = await run_locust(
            [LocustRequest(path="/ok")],
            constant(60, 3),
            base_url=f"http://{host}:{port}",
            folder=tmp_path / "locust",
            name="two hosts",
            time_limit=5,
            in_flight_cap=100,
            layout=Cluster(started=tuple(host.prefix for host in network.hosts), host=network.centre),
            guard_limits=GuardLimits(steal=1.0, generator_cpu=10.0),
        )
    finally:
        await runner.cleanup()
    assert asked_from == {host.address for host in network.hosts}
    assert result.completed == result.offered == 180
    assert result.guard.tripped == ()


async def test_a_host_that_is_cut_off_is_a_lost_worker(network: Network, tmp_path: Path) -> None:
    cut: list[str] = []

    def cut_cable(progress: StageProgress) -> None:
        if progress.completed and not cut:
            cut.append(network.hosts[1].cable)
            ip("link", "set", cut[0], "down")

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="ok")

    runner = web.ServerRunner(web.Server(handler), access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        site = web.TCPSite(runner, network.centre, 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        result = await run_locust(
            [LocustRequest(path="/ok")],
            constant(60, 8),
            base_url=f"http://{host}:{port}",
            folder=tmp_path / "locust",
            name="cut off",
            time_limit=2,
            in_flight_cap=100,
            layout=Cluster(started=tuple(host.prefix for host in network.hosts), host=network.centre),
            guard_limits=GuardLimits(steal=1.0, generator_cpu=10.0),
            on_progress=cut_cable,
        )
    finally:
        await runner.cleanup()
    assert cut
    assert 240 <= result.offered < 480
    assert result.completed == result.sent
    assert any(line.startswith("workers: 1 of 2") for line in result.guard.tripped)
