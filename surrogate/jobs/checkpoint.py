"""Finished results of a job, in a folder: an interrupted job resumes with them."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graph_encoding.common.atomic_files import atomic_file
from graph_encoding.common.errors import UserError
from graph_encoding.common.hashing import content_hash
from surrogate.jobs.provenance import made_by


def result_key(inputs: Mapping[str, Any]) -> str:
    """The key of a result: equal keys, and only those, make a stored result current.

    It is a hash of all inputs, of the source of all of nasasr, and of the versions of Python and
    of the packages that fits use. All source counts, because a list of the modules that decide a
    result would miss some: a predictor reaches the encodings, the labels and the folds. An edit
    that changes no number repeats work; a result of other code is never reused.

    Args:
        inputs: what the result depends on, as JSON: configuration, checksums of data, seeds.
    """
    return content_hash({**made_by(), "inputs": inputs})


class Checkpoint:
    """A folder of results, each an atomically written file named by its key.

    Results of other inputs or other code have other names, so that they are never found.

    Args:
        folder: made with the first result.

    Attributes:
        folder: where the results are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def beside(cls, result: Path) -> "Checkpoint":
        """The checkpoint of a job that ends in one file or folder: `RESULT.unfinished`."""
        return cls(result.with_name(f"{result.name}.unfinished"))

    def write(self, name: str, content: bytes) -> None:
        """Store a result.

        Raises:
            UserError: if it cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with atomic_file(self.folder / name) as scratch:
                scratch.write_bytes(content)
        except OSError as e:
            raise UserError(
                f"cannot write finished results to {self.folder}: {e}; make that possible, or "
                "choose another --out"
            ) from e

    def remove(self) -> None:
        """Remove all results: the job is complete."""
        shutil.rmtree(self.folder, ignore_errors=True)
