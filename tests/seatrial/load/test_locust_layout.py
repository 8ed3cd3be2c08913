from __future__ import annotations

import pytest

from seatrial.errors import ConfigurationError
from seatrial.load.locust_layout import (
    Cluster,
    MasterAddress,
    Processes,
    generator_command,
    locust_worker_command,
    master_address,
    own_worker_command,
)

ADDRESS = MasterAddress(host="127.0.0.1", port=5557)


def command(layout: Processes | Cluster) -> str:
    made = generator_command(layout, ADDRESS, users=40, time_limit=2.5, seconds=61.4, connect_seconds=30)
    return " ".join(made)


@pytest.mark.parametrize("layout", [Processes(), Processes(count=3), Cluster(started=((), ()))])
def test_every_layout_is_headless_and_judged_by_us(layout: Processes | Cluster) -> None:
    made = command(layout)
    assert "-m locust --locustfile" in made
    assert "locustfile.py --exit-code-on-error 0 --headless" in made
    assert "--users 40 --spawn-rate 40" in made
    # Long enough for the last request to meet its limit.
    assert "--stop-timeout 4" in made
    assert "--run-time 61s" in made
    assert "--host" not in made


def test_masters_listen_on_loopback() -> None:
    assert "--master" not in command(Processes())
    for layout in (Processes(count=3), Cluster(started=((), ()))):
        assert "--master-bind-host 127.0.0.1 --master-bind-port 5557 --expect-workers-max-wait 30" in command(layout)
    assert command(Processes(count=3)).endswith("--processes 3 --master-port 5557")
    assert command(Cluster(started=((),), awaited=2, port=1)).endswith("--master --expect-workers 3")


def test_a_worker_is_told_its_master() -> None:
    made = own_worker_command(MasterAddress(host="10.1.0.1", port=6000), ("ip", "netns", "exec", "a"))
    assert made[:4] == ["ip", "netns", "exec", "a"]
    assert made[-5:] == ["--worker", "--master-host", "10.1.0.1", "--master-port", "6000"]
    assert "--locustfile -" in " ".join(locust_worker_command("10.1.0.1", 6000))


def test_a_free_port_is_found_and_a_given_one_kept() -> None:
    assert master_address(Processes()).host == "127.0.0.1"
    assert master_address(Cluster(started=((),))).port > 0
    assert master_address(Cluster(awaited=1, host="127.0.0.2", port=6001)) == MasterAddress(host="127.0.0.2", port=6001)
    with pytest.raises(ConfigurationError, match=r"cannot listen on 192\.0\.2\.1"):
        master_address(Cluster(started=((),), host="192.0.2.1"))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Processes(count=0),
        lambda: Cluster(),
        lambda: Cluster(awaited=-1, port=1),
        lambda: Cluster(awaited=1),
    ],
)
def test_a_layout_that_cannot_send_is_a_configuration_error(make) -> None:
    with pytest.raises(ConfigurationError):
        make()
