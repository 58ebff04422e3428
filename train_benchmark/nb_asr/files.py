"""The original benchmark's files of two pickles each, read without running their code.

A file holds a header (a dict) and then rows (a list). Training rows are [hash, validation PER of
each epoch, test PER, cell]; latency rows [hash, seconds]; static rows [hash, params, flops].

Source: SamsungLabs/nb-asr v1.1.0, `nasbench_asr/dataset.py`.
"""

import io
import math
import pickle
import pickletools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.atomic_files import atomic_file
from graph_encoding.common.errors import UserError, shown
from graph_encoding.published.graph_hash import published_hash

_HASH_LENGTH = 32

COLUMNS = {
    "training": ["model_hash", "val_per", "test_per", "arch_vec"],
    "benchmarking": ["model_hash", "latency"],
    "static": ["model_hash", "params", "flops"],
}
"""Columns by type of file; static files before version 2 have no flops."""


@dataclass(frozen=True)
class ReleasedTraining:
    """One trained cell.

    Attributes:
        model_hash: published hash of its class.
        val_per: (epochs,) validation PER after each epoch.
        test_per: test PER at the epoch of the lowest validation PER.
        cell: the member of the class that was trained.
    """

    model_hash: str
    val_per: tuple[float, ...]
    test_per: float
    cell: Cell


@dataclass(frozen=True)
class ReleasedLatency:
    """One timed class: seconds of one forward pass."""

    model_hash: str
    latency_s: float


@dataclass(frozen=True)
class ReleasedStatic:
    """Static costs of one class; `flops` is None in files before version 2."""

    model_hash: str
    params: int
    flops: int | None


ReleasedRow = ReleasedTraining | ReleasedLatency | ReleasedStatic


@dataclass(frozen=True)
class ReleasedFile:
    """A file of the release.

    Attributes:
        header: `dataset_type`, `version`, `search_space`, `columns`; for trainings also `epochs`
            and `seed`, for latencies `device`.
        rows: one per published class, of the type `dataset_type`.
    """

    header: dict[str, Any]
    rows: tuple[ReleasedRow, ...]

    @property
    def dataset_type(self) -> str:
        """Type of the rows: training, benchmarking or static."""
        return str(self.header["dataset_type"])


def read_released(path: Path) -> ReleasedFile:
    """Read one file of the release without running its code.

    Pickles of other types than containers, numbers, texts and NumPy's numbers and arrays are
    refused before they are built.

    Raises:
        UserError: if the file is missing or truncated, a pickle has other types, a header, row or
            hash breaks the format, or a hash has two rows.
    """
    try:
        content = io.BytesIO(path.read_bytes())
    except OSError as e:
        raise UserError(f"cannot read released file {path}: {e}") from e
    header = _load_pickle(content, path, "header")
    raw = _load_pickle(content, path, "rows")
    try:
        header = _without_arrays(header)
        _check_header(header)
    except (TypeError, ValueError, RecursionError) as e:
        raise UserError(f"the header of released file {path}: {e}") from e
    if not isinstance(raw, list):
        raise UserError(f"the second pickle of {path} must be a list, but is a {type(raw)}")
    rows = []
    for number, row in enumerate(raw):
        try:
            rows.append(_parse_row(header, row))
        except (TypeError, ValueError, OverflowError) as e:
            # Also errors of Python and NumPy, such as that of a ragged curve.
            raise UserError(f"released file {path}, row {number}: {e}") from e
    counts = Counter(row.model_hash for row in rows)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise UserError(
            f"released file {path} must have one row for each hash, but has several for "
            f"{', '.join(twice[:3])}; the file is damaged"
        )
    return ReleasedFile(header, tuple(rows))


def write_released(path: Path, file: ReleasedFile) -> None:
    """Write a file for the original's own tools, atomically.

    Error rates are float32, as in the original.

    Raises:
        UserError: if the file cannot be written.
    """
    rows = [_plain_row(row) for row in file.rows]
    try:
        with atomic_file(path) as scratch, scratch.open("wb") as out:
            pickle.dump(file.header, out, protocol=4)
            pickle.dump(rows, out, protocol=4)
    except OSError as e:
        raise UserError(f"cannot write released file {path}: {e}") from e


def _plain_row(row: ReleasedRow) -> list[Any]:
    if isinstance(row, ReleasedTraining):
        curve = np.array(row.val_per, dtype=np.float32).tolist()
        cell = [tuple(node) for node in row.cell.arch_vec]
        return [row.model_hash, curve, float(np.float32(row.test_per)), cell]
    if isinstance(row, ReleasedLatency):
        return [row.model_hash, row.latency_s]
    return [row.model_hash, row.params, *([] if row.flops is None else [row.flops])]


def _without_arrays(value: Any) -> Any:
    """A header with plain numbers and lists for NumPy's, so that headers can be compared."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, dict):
        return {key: _without_arrays(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_without_arrays(one) for one in value)
    return value


def _check_header(header: Any) -> None:
    """Check a header against the format."""
    if not isinstance(header, dict) or header.get("dataset_type") not in tuple(COLUMNS):
        raise UserError(
            f"must be a dict whose dataset_type is one of {', '.join(COLUMNS)}, "
            f"but is {str(header)[:200]}"
        )
    kind = header["dataset_type"]
    numbers = ("version", *(("epochs", "seed") if kind == "training" else ()))
    texts = ("device",) if kind == "benchmarking" else ()
    for field in (*numbers, *texts, "columns"):
        if field not in header:
            raise UserError(f"must have {field!r}")
    for field in numbers:
        if type(header[field]) is not int:
            raise UserError(f"must have an integer as its {field}, but has {shown(header[field])}")
    for field in texts:
        if not isinstance(header[field], str):
            raise UserError(f"must have a text as its {field}, but has {shown(header[field])}")
    if "search_space" in header:
        _check_space(header["search_space"])
    columns = header["columns"]
    possible = [COLUMNS[kind], *([COLUMNS[kind][:2]] if kind == "static" else [])]
    if not isinstance(columns, list | tuple) or list(columns) not in possible:
        raise UserError(f"a {kind} file must have the columns {COLUMNS[kind]}, but has {columns}")


def _check_space(space: Any) -> None:
    forms = {"shape": list | tuple, "ops": list | tuple, "nodes": int}
    if not isinstance(space, dict) or not all(isinstance(space.get(k), forms[k]) for k in forms):
        raise UserError(
            "must have a search_space with the lists shape and ops and the number nodes, but has "
            f"{shown(space, 200)}"
        )


def _parse_row(header: dict[str, Any], row: Any) -> ReleasedRow:
    """Check one row against the format."""
    if not isinstance(row, list | tuple) or len(row) != len(header["columns"]):
        raise UserError(
            f"must have the {len(header['columns'])} columns {header['columns']}, "
            f"but is {str(row)[:200]}"
        )
    name = row[0]
    if not isinstance(name, str) or len(name) != _HASH_LENGTH:
        raise UserError(f"must begin with an md5 in hex, but begins with {name!r}")
    if header["dataset_type"] == "benchmarking":
        return ReleasedLatency(name, _number(row[1], "latency"))
    if header["dataset_type"] == "static":
        flops = int(_number(row[2], "flops")) if len(row) > 2 else None
        return ReleasedStatic(name, int(_number(row[1], "params")), flops)
    curve = tuple(_number(per, "val_per") for per in np.ravel(row[1]).tolist())
    if len(curve) != header["epochs"]:
        raise UserError(
            f"must have a validation PER for each of {header['epochs']} epochs, "
            f"but has {len(curve)}"
        )
    cell = Cell.from_arch_vec(row[3])
    if published_hash(cell) != name:
        raise UserError(
            f"must have the hash of its cell {cell.text}, {published_hash(cell)}, but has {name}; "
            "the file is damaged"
        )
    return ReleasedTraining(name, curve, _number(row[2], "test_per"), cell)


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise UserError(f"{what} must be a number, but is {value!r}")
    if not (math.isfinite(value) and value >= 0):
        raise UserError(f"{what} must be finite and >= 0, but is {value!r}")
    return float(value)


def _load_pickle(content: io.BytesIO, path: Path, part: str) -> Any:
    start = content.tell()
    try:
        _check_memo(content)
        content.seek(start)
        return _RestrictedUnpickler(content).load()
    except UserError as e:
        raise UserError(f"the {part} of released file {path}: {e}") from e
    except Exception as e:
        # Damaged pickles raise errors of any type.
        raise UserError(
            f"the {part} of released file {path}, a pickle that begins at byte {start}, cannot be "
            f"read ({type(e).__name__}: {e}) near byte {content.tell()} of "
            f"{len(content.getvalue())}; the file is cut off or damaged"
        ) from e


def _check_memo(content: io.BytesIO) -> None:
    """Check the memo numbers of the next pickle.

    The unpickler allocates memory by the greatest number: a few damaged bytes could allocate tens
    of gigabytes.
    """
    most = len(content.getvalue())
    for opcode, number, _ in pickletools.genops(content):
        if "PUT" in opcode.name and not 0 <= int(number or 0) <= most:
            raise UserError(
                f"a pickle of {most} bytes must have fewer objects, but numbers {number}"
            )


class _RestrictedUnpickler(pickle.Unpickler):
    """Builds containers, numbers, texts and NumPy values only."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise UserError(
                "a released file must have containers, numbers and numpy values only, but this one "
                f"names {module}.{name}, which could run code and was not run: do not trust it"
            ) from None


class _ArrayType:
    """Placeholder of `numpy.ndarray` in a pickle, which cannot be called."""


def _empty_array(kind: type, shape: Sequence[int], code: bytes) -> Any:
    """Replacement of NumPy's `_reconstruct`: an empty array, whose state is set later."""
    if kind is not _ArrayType or tuple(shape) != (0,):
        raise UserError(f"an array must begin empty, but this one begins as {kind} of {shape}")
    return np.ndarray((0,), np.dtype(code.decode() if isinstance(code, bytes) else code))


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    """Bytes in pickles of protocol 2."""
    if encoding != "latin1":
        raise UserError(f"bytes must be written as latin1 text, but are as {encoding!r}")
    return text.encode("latin1")


def _scalar(dtype: np.dtype[Any], value: bytes) -> Any:
    return np.frombuffer(value, dtype=_plain_dtype(dtype), count=1)[0]


def _from_buffer(value: bytes, dtype: np.dtype[Any], shape: Sequence[int], order: str) -> Any:
    flat = np.frombuffer(value, dtype=_plain_dtype(dtype))
    return flat.reshape(tuple(shape), order="F" if order == "F" else "C")


def _plain_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind not in "biuf":
        raise UserError(f"arrays must hold plain numbers, but this one holds {dtype}")
    return dtype


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): _ArrayType,
    ("_codecs", "encode"): _latin1,
    **{
        (f"numpy.{core}.{module}", name): function
        for core in ("core", "_core")
        for module, name, function in (
            ("multiarray", "_reconstruct", _empty_array),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
}
