"""A curve model as a folder: plain arrays, a header with checksums, and saved predictors."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from graph_encoding.common.array_files import read_arrays, write_tree
from graph_encoding.common.atomic_files import atomic_folder
from graph_encoding.common.errors import UserError
from graph_encoding.common.listed_files import listed_file
from surrogate.predictors.base import Predictor, load_predictor

Arrays = Mapping[str, NDArray[Any]]

_SCHEMA_VERSION = 3
_EARLIER_VERSIONS = (1, 2)
"""The header of the first has no `label_epochs`; arrays of both have a member each."""

_HEADER_FILE = "curves.json"
_ARRAYS_FILE = "curves.npz"


def write_model_folder(
    folder: Path, header: Mapping[str, Any], arrays: Arrays, predictors: Sequence[Predictor]
) -> None:
    """Write the parts of a model as a new folder, in one atomic step.

    Raises:
        UserError: if the folder exists or cannot be written.
    """
    if folder.exists():
        raise UserError(f"curve model folder {folder} exists; choose another or remove it")
    try:
        with atomic_folder(folder) as scratch:
            write_tree(scratch / _ARRAYS_FILE, arrays)
            for j, predictor in enumerate(predictors):
                predictor.save(_predictor_folder(scratch, j))
            files = sorted(path for path in scratch.rglob("*") if path.is_file())
            sums = {path.relative_to(scratch).as_posix(): _sha256(path) for path in files}
            text = json.dumps(
                {"schema_version": _SCHEMA_VERSION, **header, "sha256": sums}, indent=2
            )
            (scratch / _HEADER_FILE).write_text(text + "\n", encoding="utf-8")
    except OSError as e:
        raise UserError(f"cannot write curve model folder {folder}: {e}") from e


def read_model_folder(folder: Path) -> tuple[dict[str, Any], Arrays, tuple[Predictor, ...]]:
    """Read and verify the parts of a model: header, arrays, one predictor per component.

    Raises:
        UserError: if a file is corrupt, or the schema has another version.
    """
    header: dict[str, Any] = json.loads((folder / _HEADER_FILE).read_text(encoding="utf-8"))
    version = header["schema_version"]
    if version not in (*_EARLIER_VERSIONS, _SCHEMA_VERSION):
        raise UserError(
            f"curve model {folder} must have schema version {_SCHEMA_VERSION} or one of "
            f"{_EARLIER_VERSIONS}, but has {version!r}; use the nasasr version that wrote it, or "
            "fit it again"
        )
    for name, expected in header["sha256"].items():
        found = _sha256(listed_file(folder, name, "copy the model again or fit it again"))
        if found != expected:
            raise UserError(
                f"curve model file {folder / name} is corrupt: its sha256 must be {expected}, but "
                f"is {found}; copy the model again or fit it again"
            )
    arrays = read_arrays(folder / _ARRAYS_FILE)
    rank = len(arrays["components"])
    return header, arrays, tuple(load_predictor(_predictor_folder(folder, j)) for j in range(rank))


def _predictor_folder(folder: Path, j: int) -> Path:
    return folder / f"coefficient-{j + 1}"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
