import asyncio
import os
import signal
import sys

import psutil
import pytest

from seatrial.errors import HarnessError, TargetFailure
from seatrial.target.process import ServerProcess

LISTENING = (
    'import sys, time; print("noise"); print(\'{"event": "listening", "url": "http://127.0.0.1:1"}\', flush=True); '
)


def child(tmp_path, code: str) -> ServerProcess:
    return ServerProcess((sys.executable, "-c", code), env=dict(os.environ), cwd=tmp_path, log=tmp_path / "server.log")


async def test_it_announces_itself_and_is_stopped(tmp_path):
    process = child(tmp_path, LISTENING + "time.sleep(60)")
    assert await process.start() == "http://127.0.0.1:1"
    pid = process.process_id
    assert psutil.pid_exists(pid)
    assert await process.stop() == -signal.SIGTERM
    assert not psutil.pid_exists(pid)
    assert not process.running


async def test_its_own_children_go_with_it(tmp_path):
    code = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); open('pid', 'w').write(str(p.pid)); "
    process = child(tmp_path, code + LISTENING + "time.sleep(60)")
    await process.start()
    grandchild = int((tmp_path / "pid").read_text())
    await process.kill()
    _gone, alive = psutil.wait_procs([p for p in psutil.process_iter() if p.pid == grandchild], timeout=5)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]


async def test_a_server_that_ends_early_is_the_targets_failure_with_its_log(tmp_path):
    process = child(tmp_path, "import sys; print('no such database', file=sys.stderr); sys.exit(4)")
    with pytest.raises(TargetFailure, match=r"exit code 4[\s\S]*no such database"):
        await process.start()


async def test_a_silent_server_is_ended(tmp_path):
    process = child(tmp_path, "import time; time.sleep(60)")
    with pytest.raises(TargetFailure, match="did not announce") as caught:
        await process.start(within_seconds=0.3)
    assert caught.value.kind == "timeout"
    assert not process.running


async def test_nothing_is_signalled_that_was_not_started(tmp_path):
    process = child(tmp_path, "pass")
    process.signal(signal.SIGKILL)
    with pytest.raises(HarnessError, match="not been started"):
        _ = process.process_id


async def test_a_server_that_talks_a_lot_does_not_stand_still(tmp_path):
    chatter = "[print('x' * 1000) for _ in range(2000)]; open('done', 'w'); time.sleep(60)"
    process = child(tmp_path, LISTENING + chatter)
    await process.start()
    for _ in range(200):
        if (tmp_path / "done").exists():
            break
        await asyncio.sleep(0.05)
    assert (tmp_path / "done").exists()
    await process.stop()
