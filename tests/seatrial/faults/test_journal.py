import json
import threading

import pytest

from seatrial.errors import HarnessError
from seatrial.events import FaultPhase
from seatrial.faults.errors import FaultNotReleased
from seatrial.faults.healing import heal_leftovers
from seatrial.faults.journal import Journal, default_journal_folder
from seatrial.faults.undo import EndProcess, RestoreBytes, RestoreMode, from_facts, to_facts


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"abc")
    return file


def flipped(file, offset: int = 0, to: str = "7a") -> RestoreBytes:
    """The undo of a change, which is then made."""
    content = bytearray(file.read_bytes())
    undo = RestoreBytes(
        path=str(file), inode=file.stat().st_ino, offset=offset, original=bytes([content[offset]]).hex(), altered=to
    )
    content[offset] = int(to, 16)
    file.write_bytes(content)
    return undo


def test_each_station_is_an_event_and_a_line(journal, told):
    entry = journal.begin("disk_full", "process 7")
    journal.reached(entry, FaultPhase.PROBED, ok=False, detail="no")
    assert told.phases() == ["planned", "-probed"]
    first = told.events[0]
    assert (first.run_id, first.category, first.scenario) == ("run-1", "real_world_scenarios", "outage")
    lines = [json.loads(line) for line in journal.path.read_text().splitlines()]
    assert [line["record"] for line in lines] == ["journal", "phase", "phase"]
    assert lines[2]["detail"] == "no"


def test_a_way_back_is_on_disk_before_the_change(journal, file):
    entry = journal.begin("storage_corrupted", "file")
    undo = flipped(file)
    journal.intend(entry, undo)
    *_, line = journal.path.read_text().splitlines()
    assert from_facts(json.loads(line)) == undo


def test_changes_are_taken_back_last_in_first_out_and_once(journal, file):
    entry = journal.begin("storage_corrupted", "file")
    journal.intend(entry, flipped(file, to="01"))
    journal.intend(entry, flipped(file, to="02"))
    assert file.read_bytes() == b"\x02bc"
    assert len(journal.undo(entry)) == 2
    assert file.read_bytes() == b"abc"
    assert journal.undo(entry) == ()


def test_one_fault_is_taken_back_and_the_other_stays(journal, file):
    first, second = journal.begin("storage_corrupted", "a"), journal.begin("storage_corrupted", "b")
    journal.intend(first, flipped(file, offset=0))
    journal.intend(second, flipped(file, offset=1))
    journal.undo(first)
    assert file.read_bytes() == b"azc"


def test_closing_takes_everything_back_and_leaves_no_file(folder, told, file):
    journal = Journal(folder, run_id="r", category="c", scenario="s", emit=told)

    def scenario():
        with journal:
            journal.intend(journal.begin("storage_corrupted", "file"), flipped(file))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        scenario()
    assert file.read_bytes() == b"abc"
    assert list(folder.iterdir()) == []
    journal.close()


def test_what_cannot_be_taken_back_is_told_and_kept_for_the_next_run(folder, told, file, monkeypatch):
    journal = Journal(folder, run_id="r", category="c", scenario="s", emit=told)
    entry = journal.begin("storage_corrupted", "file")
    journal.intend(entry, flipped(file, offset=0))
    journal.intend(entry, flipped(file, offset=1))

    def refused(self):
        raise PermissionError(f"no: {self.offset}")

    monkeypatch.setattr(RestoreBytes, "apply", refused)
    with pytest.raises(FaultNotReleased, match=r"2 change\(s\).*no: 1"):
        journal.close()
    monkeypatch.undo()
    healed = heal_leftovers(folder, run_id="next", emit=told)
    assert [result.ok for result in healed] == [True, True]
    assert file.read_bytes() == b"abc"


def test_a_folder_that_others_may_write_to_is_refused(folder, told):
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(HarnessError, match="writable by nobody else"):
        Journal(folder, run_id="r", category="c", scenario="s", emit=told)
    with pytest.raises(HarnessError, match="writable by nobody else"):
        heal_leftovers(folder, run_id="r", emit=told)


def test_the_folder_is_the_same_for_every_run(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_journal_folder() == tmp_path / "seatrial" / "faults"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_journal_folder() == tmp_path / ".local" / "state" / "seatrial" / "faults"


def test_threads_write_whole_lines(journal):
    entry = journal.begin("storage_corrupted", "x" * 1000)
    undos = [EndProcess(pid=999_999_999, started=str(number)) for number in range(40)]
    threads = [threading.Thread(target=journal.intend, args=(entry, undo)) for undo in undos]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [json.loads(line) for line in journal.path.read_text().splitlines()]
    assert {from_facts(line) for line in lines if line["record"] == "undo"} == set(undos)


def test_an_undo_survives_the_file():
    undo = RestoreMode(path="/x", inode=3, mode=0o640)
    assert from_facts(json.loads(json.dumps(to_facts(undo)))) == undo


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"kind": "format_disk"}, "not known to this version"),
        ({"kind": "end_process", "pid": 1}, "started is None"),
        ({"kind": "end_process", "pid": "1", "started": "x"}, "pid is '1'"),
    ],
)
def test_an_undo_that_is_none_is_refused(facts, message):
    with pytest.raises(HarnessError, match=message):
        from_facts(facts)
