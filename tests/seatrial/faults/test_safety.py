import asyncio
import os
import signal
import subprocess
import sys

import pytest

from seatrial.errors import ConfigurationError, HarnessError
from seatrial.faults.errors import AddressRefused, ProcessRefused
from seatrial.faults.http_proxy import HttpProxy
from seatrial.faults.proxy import TcpProxy
from seatrial.faults.safety import ProcessIdentity, own_process, own_tree, permitted_address


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "localhost", "::1"])
async def test_loopback_is_permitted(host):
    address, port = await permitted_address(host, 5432)
    assert address in {"::1", "127.0.0.1", host}
    assert port == 5432


@pytest.mark.parametrize("host", ["10.0.0.5", "0.0.0.0", "8.8.8.8", "fd00::5", "169.254.169.254"])
async def test_every_other_address_is_refused(host):
    with pytest.raises(AddressRefused, match="neither loopback nor on the allow-list") as caught:
        await permitted_address(host, 5432)
    assert isinstance(caught.value, ConfigurationError)


@pytest.mark.parametrize(
    ("entry", "host", "port", "permitted"),
    [
        ("10.0.0.5:5432", "10.0.0.5", 5432, True),
        ("10.0.0.5:5432", "10.0.0.5", 5433, False),
        ("10.0.0.5:5432", "10.0.0.6", 5432, False),
        ("10.0.0.5", "10.0.0.5", 80, True),
        ("[fd00::5]:80", "fd00::5", 80, True),
        ("[fd00::5]:80", "fd00::6", 80, False),
    ],
)
async def test_the_allow_list_names_addresses_and_ports(entry, host, port, permitted):
    if permitted:
        assert await permitted_address(host, port, [entry]) == (host, port)
    else:
        with pytest.raises(AddressRefused):
            await permitted_address(host, port, [entry])


@pytest.mark.parametrize("entry", ["10.0.0.5:many", "http://10.0.0.5", "", "me@10.0.0.5:80"])
async def test_an_entry_that_is_no_address_is_a_wrong_setting(entry):
    with pytest.raises(ConfigurationError, match=r"\[target\] allow"):
        await permitted_address("127.0.0.1", 80, [entry])


async def test_a_name_that_leads_away_from_loopback_is_refused(monkeypatch):
    async def resolve(*_args, **_options):
        return [(2, 1, 6, "", ("127.0.0.1", 80)), (2, 1, 6, "", ("10.0.0.5", 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    with pytest.raises(AddressRefused, match=r"10\.0\.0\.5"):
        await permitted_address("rebound.test", 80)


@pytest.mark.parametrize("proxy", [TcpProxy("10.0.0.5", 5432), HttpProxy("http://10.0.0.5:8080")])
async def test_no_proxy_is_opened_towards_what_is_not_allowed(proxy):
    with pytest.raises(AddressRefused):
        async with proxy:
            pytest.fail("it must not be opened")


@pytest.fixture
def sleeper():
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        yield process
        process.kill()


def test_a_process_is_known_by_its_id_and_its_start(sleeper):
    identity = ProcessIdentity.of(sleeper.pid)
    later = ProcessIdentity(pid=sleeper.pid, started=identity.started + "1")
    assert identity.running
    assert not later.running
    assert not later.send(signal.SIGKILL)
    assert identity.running
    assert identity.send(signal.SIGKILL)
    sleeper.wait()
    assert not identity.running
    assert not identity.send(signal.SIGKILL)


def test_one_that_waits_to_be_reaped_does_not_run(sleeper):
    identity = ProcessIdentity.of(sleeper.pid)
    identity.send(signal.SIGKILL)
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert not identity.running
    with pytest.raises(ProcessRefused, match="ended"):
        own_tree(sleeper.pid)


def test_ours_is_what_is_below_us_and_nothing_else(sleeper):
    assert own_process(sleeper.pid).pid == sleeper.pid
    assert [member.pid for member in own_tree(sleeper.pid)] == [sleeper.pid]
    for foreign in (1, os.getppid(), os.getpid()):
        with pytest.raises(ProcessRefused) as caught:
            own_process(foreign)
        assert isinstance(caught.value, HarnessError)


def test_a_process_that_is_gone_is_refused():
    process = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    with pytest.raises(ProcessRefused, match="does not run"):
        own_process(int(process.stdout))
