"""NumPy files of arrays: any that are named, and trees of arrays in a compact form."""

import json
import math
from collections.abc import Mapping
from itertools import repeat
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.strict_json import strict_json

_TREE = "tree"
_ARRAY = "@array"
_TEXTS = "@texts"

_Bytes = NDArray[np.uint8]


def read_arrays(path: Path) -> dict[str, Any]:
    """Read all arrays of an `.npz` file, or the tree of one that `write_tree` wrote.

    Arrays of objects are refused.

    Raises:
        Exception: of any type if the file is damaged; see `common.errors.unreadable`.
    """
    # Opened here: NumPy leaves a damaged archive open.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        members = dict(arrays)
    return _Reader(members).tree if _TREE in members else members


def write_tree(path: Path, tree: Mapping[str, Any]) -> None:
    """Write nested mappings and lists of arrays, numbers, texts and None as one `.npz` file.

    All arrays of one type are one member of the file: it is read in a tenth of the time of hundreds
    of small members. The first bytes of all numbers stand together, then the second ones, and so
    on: signs and exponents then compress, and the other bytes of floats are stored as they are. The
    member `tree` has the rest as JSON, in which an array is its type, shape and order in memory.

    Args:
        path: the file, which is replaced.
        tree: what `read_arrays` shall return; arrays of texts may be among the arrays, tuples
            become lists.

    Raises:
        ValueError: if a number outside the arrays is NaN or infinite.

    Source: the shuffle filter of HDF5, for the order of the bytes.
    """
    parts: dict[str, list[_Bytes]] = {}
    text = json.dumps(_without_arrays(tree, parts), separators=(",", ":"), allow_nan=False)
    members = {name: np.concatenate(planes, axis=1) for name, planes in parts.items()}
    members[_TREE] = np.frombuffer(text.encode(), np.uint8)
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **members)


def _without_arrays(value: Any, parts: dict[str, list[_Bytes]]) -> Any:
    """A value for JSON, with its arrays moved to `parts`, as (itemsize, entries) bytes."""
    if isinstance(value, Mapping):
        return {name: _without_arrays(inner, parts) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_arrays(inner, parts) for inner in value]
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind == "U":
        return {_TEXTS: value.tolist()}
    # The order in memory is kept: products of matrices may depend on it in the last digit.
    order: Literal["C", "F"] = "F" if value.flags.fnc else "C"
    little = value.astype(value.dtype.newbyteorder("<"), copy=False).ravel(order)
    entries = little.view(np.uint8).reshape(-1, value.itemsize)
    parts.setdefault(value.dtype.name, []).append(np.ascontiguousarray(entries.T))
    return {_ARRAY: [value.dtype.name, list(value.shape), order]}


class _Reader:
    """Puts the arrays of a file back into its tree.

    Args:
        members: the members of the file.
    """

    def __init__(self, members: Mapping[str, NDArray[Any]]) -> None:
        self._members = members
        self._read = dict(zip(members, repeat(0)))
        self.tree: dict[str, Any] = self._with_arrays(
            strict_json(members[_TREE].tobytes().decode())
        )

    def _with_arrays(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._with_arrays(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        if _TEXTS in value:
            return np.array(value[_TEXTS])
        if _ARRAY in value:
            return self._next(*value[_ARRAY])
        return {name: self._with_arrays(inner) for name, inner in value.items()}

    def _next(self, name: str, shape: list[int], order: Literal["C", "F"]) -> NDArray[Any]:
        """The next array of a type: memory of its own, writable."""
        planes, start = self._members[name], self._read[name]
        self._read[name] = end = start + math.prod(shape)
        found = np.empty((end - start, len(planes)), np.uint8)
        for plane, column in zip(planes, found.T, strict=True):
            column[:] = plane[start:end]
        little = found.view(np.dtype(name).newbyteorder("<"))
        return little.astype(name, copy=False).reshape(shape, order=order)
