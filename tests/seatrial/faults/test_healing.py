import json
import os
import platform
import resource
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from seatrial.faults.database_lock import _holder
from seatrial.faults.healing import heal_leftovers
from seatrial.faults.safety import ProcessIdentity

HARNESS = Path(__file__).with_name("harness.py")


@pytest.fixture
def data(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for name in ("database", "page", "held"):
        (data / name).write_bytes(b"0123456789")
    return data


@pytest.fixture
def harness(folder, data):
    """A harness with its faults in force, and the process that it disturbs."""
    with subprocess.Popen(
        [sys.executable, HARNESS, folder, data], stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        target = ProcessIdentity.of(json.loads(process.stdout.readline())["target"])
        yield process, target
        process.kill()
        target.send(signal.SIGKILL)


def in_force(target: ProcessIdentity, data: Path) -> dict[str, bool]:
    try:
        (data / "held").open("r+b").close()
        read_only = False
    except PermissionError:
        read_only = True
    return {
        "paused": target.stopped,
        "short of memory": resource.prlimit(target.pid, resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY,
        "disk full": resource.prlimit(target.pid, resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY,
        "corrupted": (data / "page").read_bytes() != b"0123456789",
        "read-only": read_only,
    }


def test_what_a_killed_harness_left_is_found_and_healed_by_the_next_run(harness, folder, data, told):
    process, target = harness
    assert all(in_force(target, data).values())
    holder = _holder(data / "database")
    assert holder is not None

    assert heal_leftovers(folder, run_id="next", emit=told) == ()  # it lives, so nothing is left behind
    assert all(in_force(target, data).values())

    process.kill()
    process.wait()
    assert all(in_force(target, data).values())
    # The lock's holder ended with the pipe to its harness; the rest waits for us.
    psutil.wait_procs([found for found in psutil.process_iter() if found.pid == holder], timeout=5)
    assert _holder(data / "database") is None

    healed = heal_leftovers(folder, run_id="next", emit=told)
    assert not any(in_force(target, data).values())
    assert target.running
    assert [result.fault for result in healed] == [
        "database_locked",
        "storage_read_only",
        "storage_corrupted",
        "storage_corrupted",
        "process_paused",
        "disk_full",
        "out_of_memory",
    ]
    assert all(result.ok and result.run_id == "killed" for result in healed)
    assert all(event.run_id == "next" and "left behind by run killed" in event.detail for event in told.events)
    assert list(folder.iterdir()) == []
    assert heal_leftovers(folder, run_id="third", emit=told) == ()


def test_an_interrupted_harness_leaves_nothing(harness, folder, data):
    process, target = harness
    process.send_signal(signal.SIGINT)
    assert process.wait(20) != 0
    assert not any(in_force(target, data).values())
    assert _holder(data / "database") is None
    assert list(folder.iterdir()) == []


@pytest.fixture
def left(folder):
    """Writes a journal that nobody holds."""
    folder.mkdir(mode=0o700)

    def write(*records: object, host: str = platform.node(), end: str = "\n") -> Path:
        head = {"record": "journal", "version": 1, "run_id": "dead", "category": "c", "scenario": "s", "host": host}
        path = folder / "1-dead.jsonl"
        path.write_text("\n".join(map(json.dumps, (head, *records))) + end)
        return path

    return write


def restore(file: Path, number: int = 1, **changes: object) -> dict[str, object]:
    return {
        "record": "undo",
        "number": number,
        "entry": 0,
        "fault": "storage_corrupted",
        "kind": "restore_bytes",
        "path": str(file),
        "inode": file.stat().st_ino,
        "offset": 0,
        "original": "61",
        "altered": "7a",
        **changes,
    }


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"zbc")
    return file


def test_a_torn_last_line_is_a_change_that_was_never_made(left, file, folder, told):
    left(restore(file), {"record": "undo", "number": 2, "kind": "restore_by"}, end="")
    path = folder / "1-dead.jsonl"
    path.write_text(path.read_text()[:-10])
    assert len(heal_leftovers(folder, run_id="next", emit=told)) == 1
    assert file.read_bytes() == b"abc"


def test_what_was_undone_is_not_undone_again(left, file, folder, told):
    path = left(restore(file), {"record": "undone", "number": 1, "detail": "done"})
    assert heal_leftovers(folder, run_id="next", emit=told) == ()
    assert file.read_bytes() == b"zbc"
    assert not path.exists()


def test_a_journal_that_cannot_be_read_is_told_and_kept(left, file, folder, told):
    path = left(restore(file, kind="format_disk"))
    (healed,) = heal_leftovers(folder, run_id="next", emit=told)
    assert not healed.ok
    assert "format_disk" in healed.detail
    assert path.exists()
    assert told.phases() == ["-released"]


def test_a_change_that_resists_is_kept_and_tried_again(left, file, folder, told, tmp_path):
    path = left(restore(file), restore(file, number=2, path=str(tmp_path), inode=tmp_path.stat().st_ino))
    healed = heal_leftovers(folder, run_id="next", emit=told)
    assert [result.ok for result in healed] == [False, True]
    assert file.read_bytes() == b"abc"
    assert [result.ok for result in heal_leftovers(folder, run_id="third", emit=told)] == [False]
    assert path.exists()


def test_the_journals_of_another_host_are_left_to_it(left, file, folder, told):
    path = left(restore(file), host="elsewhere")
    assert heal_leftovers(folder, run_id="next", emit=told) == ()
    assert path.exists()
    assert file.read_bytes() == b"zbc"


def test_a_later_process_with_the_same_id_is_not_touched(left, folder, told):
    left(
        {
            "record": "undo",
            "number": 1,
            "entry": 0,
            "fault": "clock_stepped",
            "kind": "end_process",
            "pid": os.getpid(),
            "started": "another boot:1",
        }
    )
    (healed,) = heal_leftovers(folder, run_id="next", emit=told)
    assert healed.ok
    assert "gone" in healed.detail


def test_without_a_folder_there_is_nothing_to_heal(tmp_path, told):
    assert heal_leftovers(tmp_path / "none", run_id="next", emit=told) == ()
