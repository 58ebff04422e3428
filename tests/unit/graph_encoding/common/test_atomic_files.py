"""Files and folders that are whole: written, flushed, renamed, flushed; or not there at all."""

import os
import stat
from pathlib import Path

import pytest

from graph_encoding.common import atomic_files
from graph_encoding.common.atomic_files import atomic_file, atomic_folder, truncate_half_line


class Disk:
    """What has been asked of the disk, in order: names flushed, and names put in place."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, str]] = []
        fsync, replace = os.fsync, os.replace

        def flush(descriptor: int) -> None:
            self.asked.append(("flush", Path(f"/proc/self/fd/{descriptor}").readlink().name))
            fsync(descriptor)

        def put(source: Path, target: Path) -> None:
            self.asked.append(("put", Path(target).name))
            replace(source, target)

        monkeypatch.setattr(os, "fsync", flush)
        monkeypatch.setattr(os, "replace", put)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc to see what is flushed")
    return Disk(monkeypatch)


def test_a_file_is_on_the_disk_before_and_after_it_gets_its_name(
    tmp_path: Path, disk: Disk
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic_file(path) as scratch:
        scratch.write_text("new")
        assert path.read_text() == "old"
        assert scratch.parent == tmp_path and str(os.getpid()) in scratch.name
    assert path.read_text() == "new"
    assert disk.asked == [("flush", scratch.name), ("put", "a.txt"), ("flush", tmp_path.name)]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_on_the_disk_before_and_after_it_gets_its_name(
    tmp_path: Path, disk: Disk
) -> None:
    path = tmp_path / "above" / "a"
    with atomic_folder(path) as scratch:
        (scratch / "below").mkdir()
        (scratch / "one").write_text("1")
        (scratch / "below" / "two").write_text("2")
        assert not path.exists()
    assert (path / "below" / "two").read_text() == "2"
    put = disk.asked.index(("put", "a"))
    flushed = {"one", "two", "below", scratch.name}
    assert {name for _, name in disk.asked[:put]} == flushed
    assert disk.asked[put + 1 :] == [("flush", "above")]
    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_of_which_one_file_is_not_on_the_disk_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed = 0

    def full(_: int) -> None:
        nonlocal flushed
        flushed += 1
        if flushed == 20:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    def fill(folder: Path) -> None:
        for number in range(40):
            (folder / str(number)).write_text("x")

    with pytest.raises(OSError, match="No space left"), atomic_folder(tmp_path / "a") as scratch:
        fill(scratch)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failed_write_leaves_no_file(tmp_path: Path, error: type[BaseException]) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text("old")

    def write_half(path: Path) -> None:
        path.write_text("half")
        raise error

    with pytest.raises(error), atomic_file(kept) as scratch:
        write_half(scratch)
    with pytest.raises(error), atomic_folder(tmp_path / "folder") as folder:
        write_half(folder / "half")
    assert list(tmp_path.iterdir()) == [kept]
    assert kept.read_text() == "old"


def test_a_folder_with_something_in_it_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(OSError, match="not empty"), atomic_folder(tmp_path) as scratch:
        (scratch / "other").write_text("other")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert list(tmp_path.parent.glob(f".{tmp_path.name}-*")) == []


@pytest.mark.parametrize("block", [1, 3, 1 << 16])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b""),
        (b"half", b""),
        (b"\n", b"\n"),
        (b"one\n", b"one\n"),
        (b"one\ntwo", b"one\n"),
        (b"one\n\nhalf of a line", b"one\n\n"),
    ],
)
def test_half_a_line_is_truncated(
    before: bytes, after: bytes, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic_files, "_BLOCK_BYTES", block)
    path = tmp_path / "journal"
    path.write_bytes(before)
    truncate_half_line(path)
    assert path.read_bytes() == after
    truncate_half_line(tmp_path / "none")
    assert [*tmp_path.iterdir()] == [path]
