"""Atomic writes of files and folders, safe against a killed process or a power failure.

Each is written under a scratch name beside its place, flushed to the disk, and renamed. The parent
folder is flushed too: until then a power failure may undo the rename.
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
def atomic_file(path: Path) -> Iterator[Path]:
    """Write a file atomically; an existing one is replaced.

    The scratch name contains the process id, so that two processes do not write into one file.

    Args:
        path: the file; its folder must exist.

    Yields:
        The path to write to; it must be closed at the end.

    Raises:
        OSError: if it cannot be written; no part of it is left then.
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
def atomic_folder(path: Path) -> Iterator[Path]:
    """Write a folder atomically.

    Args:
        path: the folder; its parents are created.

    Yields:
        An empty folder to fill.

    Raises:
        OSError: if it cannot be written, or `path` is a folder that is not empty; no part of it is
            left then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-"))
    try:
        scratch.chmod(0o755)  # only the owner may read a temporary folder
        yield scratch
        # Journaling file systems flush concurrent requests together.
        with ThreadPoolExecutor(_FLUSHES_AT_ONCE) as flushes:
            for folder, _, names in os.walk(scratch):
                list(flushes.map(flush_file, (Path(folder, name) for name in names)))
                flush_folder(Path(folder))
        os.replace(scratch, path)
        flush_folder(path.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def truncate_half_line(path: Path) -> None:
    """Truncate an append-only file, if it exists, after its last line break.

    A killed process or a full disk leaves half a line. Only the holder of the file's lock may call
    this: another process may be about to complete the line.

    Args:
        path: file of lines that end in a line break each.

    Raises:
        OSError: if it cannot be read or truncated.
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
    """Wait until a file's content is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Wait until a folder's entries are on the disk, where the system supports that."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
