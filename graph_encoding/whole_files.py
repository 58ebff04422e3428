"""Files and folders that are there whole or not at all, whatever ends the process or the power.

Each is written under a scratch name beside its place, flushed to the disk, and renamed. The folder
that holds it is flushed too: until then a power cut may undo the rename.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
        for folder, _, names in os.walk(scratch):
            for name in names:
                flush_file(Path(folder, name))
            flush_folder(Path(folder))
        os.replace(scratch, path)
        flush_folder(path.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


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
