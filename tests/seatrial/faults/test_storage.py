import os

import pytest

from seatrial.errors import ConfigurationError
from seatrial.events import FaultPhase
from seatrial.faults import storage
from seatrial.faults.errors import FaultNotPossible
from seatrial.faults.storage import DiskFull, ReadOnly


async def test_a_full_disk_refuses_to_grow_a_file_and_lets_it_be_written_in_place(journal, child, told, well, tmp_path):
    path = tmp_path / "data"
    path.write_bytes(bytes(1000))
    grow = f"open({str(path)!r}, 'ab', buffering=0).write(bytes(1000))"
    async with DiskFull(journal, child, file_bytes=1000):
        assert await child.ask(grow) == "OSError 27"
        assert await child.ask(f"open({str(path)!r}, 'r+b', buffering=0).write(b'in place')") == "8"
    assert await child.ask(grow) == "1000"
    assert told.phases() == well


async def test_a_process_that_the_limit_would_kill_is_left_alone(journal, child):
    assert await child.ask("str(__import__('signal').signal(25, 0))") == "1"
    with pytest.raises(FaultNotPossible, match="SIGXFSZ"):
        async with DiskFull(journal, child, file_bytes=0):
            pytest.fail("it would die")


@pytest.fixture(params=["as we are", "as an ordinary user"])
def user(request, monkeypatch):
    """Root is not bound by permissions: the flag of the file system and the mode are two ways, and both are tried."""
    if request.param == "as an ordinary user":
        if os.geteuid() != 0:
            pytest.skip("we are one")
        os.seteuid(65534)
        monkeypatch.setattr(storage, "_has_capability", lambda _bit: False)
        yield
        os.seteuid(0)
    else:
        yield


@pytest.fixture
def place(user, tmp_path):
    place = tmp_path / "place"
    if os.geteuid() != 0:
        os.seteuid(0)
        for parent in (tmp_path, *tmp_path.parents[:3]):
            parent.chmod(parent.stat().st_mode | 0o011)
        place.mkdir()
        os.chown(place, 65534, 65534)
        os.seteuid(65534)
    else:
        place.mkdir()
    return place


async def test_read_only_files_and_folders(journal, told, well, place):
    path = place / "data"
    path.write_bytes(b"before")
    mode = path.stat().st_mode
    async with ReadOnly(journal, [path, place]):
        with pytest.raises(PermissionError):
            path.write_bytes(b"under the fault")
        with pytest.raises(PermissionError):
            (place / "new").write_bytes(b"")
        with pytest.raises(PermissionError):
            path.unlink()
        assert path.read_bytes() == b"before"
    path.write_bytes(b"after")
    (place / "new").write_bytes(b"")
    assert path.stat().st_mode == mode
    assert told.phases() == well


async def test_it_is_writable_again_after_an_exception(journal, tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"before")
    with pytest.raises(ZeroDivisionError):
        async with ReadOnly(journal, [path]):
            raise ZeroDivisionError
    path.write_bytes(b"after")


@pytest.mark.parametrize("lack", ["it is missing", "it is a link"])
async def test_what_cannot_be_made_read_only_is_not_possible(journal, told, tmp_path, lack):
    path = tmp_path / "data"
    if lack == "it is a link":
        path.symlink_to(tmp_path)
    with pytest.raises(FaultNotPossible, match=r"does not exist|is a link"):
        async with ReadOnly(journal, [path]):
            pytest.fail("not there")
    assert str(path) in told.detail(FaultPhase.PROBED)


def test_figures_that_make_no_sense_are_refused(journal, child):
    with pytest.raises(ConfigurationError, match="file_bytes is -1"):
        DiskFull(journal, child, file_bytes=-1)
    with pytest.raises(ConfigurationError, match="at least one path"):
        ReadOnly(journal, [])
