"""Folders of a corpus: the files below one, and the folders that cannot be read."""

import os
from collections.abc import Iterator
from pathlib import Path

from graph_encoding.common.errors import UserError


def check_folder(root: Path, remedy: str) -> None:
    """Check that a corpus folder can be read.

    Args:
        root: the folder.
        remedy: what to give instead, for the message.

    Raises:
        UserError: if it does not exist, is a file or cannot be read.
    """
    try:
        with os.scandir(root):
            return
    except FileNotFoundError as e:
        raise UserError(f"corpus folder {root} does not exist; {remedy}") from e
    except NotADirectoryError as e:
        raise UserError(f"corpus folder {root} is a file; {remedy}") from e
    except OSError as e:
        raise UserError(f"cannot read corpus folder {root}: {e.strerror}; {remedy}") from e


def files_below(root: Path, problems: list[str]) -> Iterator[Path]:
    """All files below a folder, including those in linked folders.

    Args:
        root: the folder.
        problems: one message is added for each folder that cannot be read.
    """

    def add(e: OSError) -> None:
        problems.append(f"cannot read corpus folder {e.filename}: {e.strerror}; make it readable")

    for folder, below, names in os.walk(root, followlinks=True, onerror=add):
        real = Path(folder).resolve()
        # A link to a parent folder would be followed forever.
        below[:] = [name for name in below if not real.is_relative_to((real / name).resolve())]
        yield from (Path(folder, name) for name in names)
