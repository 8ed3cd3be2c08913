import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.errors import ConfigurationError
from seatrial.faults.corruption import FlipBytes, spread_offsets
from seatrial.faults.errors import FaultNotPossible, FaultNotVerified


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "page"
    path.write_bytes(bytes(range(256)))
    return path


async def test_bytes_are_inverted_and_restored(journal, told, well, path):
    before = path.read_bytes()
    async with FlipBytes(journal, path, offsets=(0, 7, 255)):
        changed = [index for index, (new, old) in enumerate(zip(path.read_bytes(), before, strict=True)) if new != old]
        assert changed == [0, 7, 255]
    assert path.read_bytes() == before
    assert told.phases() == well


async def test_what_the_target_wrote_since_is_left_alone(journal, path):
    async with FlipBytes(journal, path, offsets=(3, 9)):
        with path.open("r+b") as file:
            file.seek(3)
            file.write(b"W")
    assert path.read_bytes()[3:4] == b"W"
    assert path.read_bytes()[9] == 9


async def test_another_file_of_the_same_name_is_left_alone(journal, path, tmp_path):
    async with FlipBytes(journal, path, offsets=(3,)):
        other = tmp_path / "other"
        other.write_bytes(path.read_bytes())
        other.replace(path)
    assert path.read_bytes()[3] == 3 ^ 0xFF


async def test_a_flip_that_something_healed_is_not_verified(journal, told, path):
    class Healed(FlipBytes):
        async def inject(self):
            await super().inject()
            path.write_bytes(bytes(range(256)))

    with pytest.raises(FaultNotVerified, match="has 03 at 3, not fc"):
        async with Healed(journal, path, offsets=(3,)):
            pytest.fail("it is not in force")
    assert told.phases() == ["planned", "probed", "injected", "-verified", "released"]


async def test_an_offset_behind_the_end_is_not_possible(journal, path):
    with pytest.raises(FaultNotPossible, match="256 bytes, none at 256"):
        async with FlipBytes(journal, path, offsets=(256,)):
            pytest.fail("no such byte")


@given(st.integers(1, 50), st.integers(0, 100), st.integers(0, 10_000), st.integers(0, 5))
def test_offsets_are_spread_inside_the_file_and_differ(count, skip, room, seed):
    size = skip + count + room
    offsets = spread_offsets(size, count=count, seed=seed, skip_bytes=skip)
    assert len(set(offsets)) == count
    assert all(skip <= offset < size for offset in offsets)
    assert offsets == spread_offsets(size, count=count, seed=seed, skip_bytes=skip)


def test_more_offsets_than_bytes_are_refused():
    with pytest.raises(ConfigurationError, match="cannot be spread"):
        spread_offsets(10, count=3, seed=0, skip_bytes=8)
