"""Files and folders that are there whole or not at all, whatever ends the process or the power.

So are the lines of files that are appended to.

Each is written under a scratch name beside its place, flushed to the disk, and renamed. The folder
that holds it is flushed too: until then a power cut may undo the rename.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

_BLOCK_BYTES = 1 << 16
_FLUSHES_AT_ONCE = 8


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Put a file in place, over one that is there, once all of it is on the disk.

    Its scratch name has the process in it, so that two processes do not write into one file.

    Args:
        path: where the file is to stand; its folder must exist.

    Yields:
        Where to write it; the writer must have closed it at the end.

    Raises:
        OSError: if it cannot be written; nothing of it is left then.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield scratch
        flush_file(scratch)
        os.replace(scratch, path)
        flush_folder(path.parent)
    finally:
        scratch.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Put a folder in place once all files in it are on the disk.

    Args:
        path: where the folder is to stand; the folders above it are made.

    Yields:
        An empty folder to fill.

    Raises:
        OSError: if it cannot be written, or `path` is a folder with something in it; nothing is
            left then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-"))
    try:
        scratch.chmod(0o755)  # a temporary folder is its owner's alone
        yield scratch
        # Journaling file systems flush several files at once when they are asked for together.
        with ThreadPoolExecutor(_FLUSHES_AT_ONCE) as flushes:
            for folder, _, names in os.walk(scratch):
                list(flushes.map(flush_file, (Path(folder, name) for name in names)))
                flush_folder(Path(folder))
        os.replace(scratch, path)
        flush_folder(path.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def drop_half_line(path: Path) -> None:
    """Cut off what follows the last line break of a file that is appended to, if it exists.

    A process that is killed, or finds the disk full, leaves half a line. Only the holder of the
    file's lock may call this: another process may be about to end the line.

    Args:
        path: file whose records end in a line break each.

    Raises:
        OSError: if it cannot be read or cut.
    """
    if not path.exists():
        return
    with path.open("rb+") as file:
        start = size = file.seek(0, os.SEEK_END)
        while start > 0:
            end, start = start, max(0, start - _BLOCK_BYTES)
            file.seek(start)
            place = file.read(end - start).rfind(b"\n")
            if place >= 0:
                start += place + 1
                break
        if start < size:
            file.truncate(start)
            os.fsync(file.fileno())


def flush_file(path: Path) -> None:
    """Wait until what a file holds is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Wait until the names that stand in a folder are on the disk, where the system can do that."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
