"""Long work whose result stands whole or not at all: its finished parts, until then."""

import shutil
from collections.abc import Callable
from pathlib import Path

from graph_encoding.common.atomic_files import whole_file, whole_folder
from graph_encoding.common.errors import UserError

_PART = "part"


class Unfinished:
    """Finished parts of a result that is not whole yet, in a folder beside its place.

    Args:
        result: where the result shall stand. Parts are kept in `RESULT.unfinished`.

    Attributes:
        folder: where the parts are.
    """

    def __init__(self, result: Path) -> None:
        self.folder = result.with_name(f"{result.name}.unfinished")

    def claim(self, work: str, identity: str) -> None:
        """Make sure that kept parts are those of the work that is to be done.

        Args:
            work: what the parts are of, in a word; a folder may keep those of several works.
            identity: checksum of all that the parts depend on.

        Raises:
            UserError: if the parts are of other work, or the folder cannot be written.
        """
        mark = self.folder / f"{work}.sha256"
        try:
            if any(self.folder.glob(f"*/{_PART}")) and mark.exists():
                if mark.read_text(encoding="utf-8").strip() != identity:
                    raise UserError(
                        f"{self.folder} must keep parts of this {work}, but they are of one on "
                        "another table, with another configuration or by other code or versions; "
                        "remove it, or choose another place for the result"
                    )
                return
            self.folder.mkdir(parents=True, exist_ok=True)
            with whole_file(mark) as scratch:
                scratch.write_text(f"{identity}\n", encoding="utf-8")
        except OSError as e:
            raise self._cannot(e) from e

    def part(self, name: str) -> Path | None:
        """Where a part stands; None if it is not finished."""
        path = self.folder / name / _PART
        return path if path.exists() else None

    def keep(self, name: str, write: Callable[[Path], object]) -> None:
        """Keep a part, whole or not at all.

        Args:
            name: the part's.
            write: writes it as a file or a folder that is not there yet.

        Raises:
            UserError: if it cannot be written.
        """
        try:
            with whole_folder(self.folder / name) as scratch:
                write(scratch / _PART)
        except OSError as e:
            raise self._cannot(e) from e

    def remove(self) -> None:
        """Remove all parts: the result is whole."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _cannot(self, error: OSError) -> UserError:
        return UserError(
            f"cannot keep finished parts in {self.folder}: {error}; choose another place for the "
            "result"
        )
