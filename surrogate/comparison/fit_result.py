"""One finished fit: its predictions for every test key and their cost, as one Parquet file."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.atomic_files import atomic_file
from graph_encoding.common.errors import unreadable
from surrogate.data.targets import FloatArray

if TYPE_CHECKING:
    import pyarrow as pa

_METADATA = b"nasasr"
_CONSTANT = ("protocol", "detail", "train_size", "repeat", "predictor")
_PER_KEY = ("measured", "predicted", "model_mean", "model_std", "nodes", "novel_nodes")


@dataclass(frozen=True, eq=False)
class FitResult:
    """What a predictor predicted for m test keys.

    Attributes:
        protocol: name of the protocol.
        detail: which of its divisions.
        train_size: keys it was fitted on.
        repeat: number of the split.
        predictor: its name.
        keys: (m,) test keys.
        measured: (m,) labels on the raw scale.
        predicted: (m,) predictions on the raw scale.
        model_mean: (m,) predictions on the model scale.
        model_std: (m,) calibrated standard deviations on the model scale.
        nodes: (m,) operations of each graph.
        novel_nodes: (m,) nodes by which a graph is out of support, 0 in support; see `Novelty`.
        levels: (l,) levels of the intervals.
        low: (l, m) lower ends of the intervals on the raw scale, as an artifact predicts them.
        high: (l, m) upper ends.
        fit_seconds: processor time of the fit, without its calibration.
        calibration_seconds: processor time of the calibration.
        query_microseconds: processor time of a prediction, its encoding included; the median
            over batches.
    """

    protocol: str
    detail: str
    train_size: int
    repeat: int
    predictor: str
    keys: tuple[str, ...]
    measured: FloatArray
    predicted: FloatArray
    model_mean: FloatArray
    model_std: FloatArray
    nodes: NDArray[np.int64]
    novel_nodes: NDArray[np.int64]
    levels: tuple[float, ...]
    low: FloatArray
    high: FloatArray
    fit_seconds: float
    calibration_seconds: float
    query_microseconds: float

    @property
    def extrapolated(self) -> NDArray[np.bool_]:
        """(m,) whether a graph is out of support."""
        return self.novel_nodes > 0

    def at(self, rows: NDArray[Any]) -> "FitResult":
        """The same fit for some of its test keys, by a mask or by indices, which may repeat."""
        chosen = np.arange(len(self.keys))[rows]
        changed: dict[str, Any] = {name: getattr(self, name)[chosen] for name in _PER_KEY}
        changed["keys"] = tuple(self.keys[i] for i in chosen)
        changed["low"], changed["high"] = self.low[:, chosen], self.high[:, chosen]
        return FitResult(**{**self.__dict__, **changed})

    @classmethod
    def joined(cls, fits: Sequence["FitResult"]) -> "FitResult":
        """Fits that predicted different keys, as one: times are totals, that of a query a mean."""
        changed: dict[str, Any] = {
            name: np.concatenate([getattr(fit, name) for fit in fits]) for name in _PER_KEY
        }
        changed["keys"] = tuple(key for fit in fits for key in fit.keys)
        for end in ("low", "high"):
            changed[end] = np.concatenate([getattr(fit, end) for fit in fits], axis=1)
        for cost in ("fit_seconds", "calibration_seconds"):
            changed[cost] = sum(getattr(fit, cost) for fit in fits)
        changed["query_microseconds"] = float(np.mean([fit.query_microseconds for fit in fits]))
        return cls(**{**fits[0].__dict__, **changed})

    @property
    def place(self) -> tuple[str, str, int, str]:
        """What its repeats have in common: (protocol, detail, train size, predictor)."""
        return self.protocol, self.detail, self.train_size, self.predictor


def write_fit(result: FitResult, path: Path) -> None:
    """Write a result as one Parquet file, one row per test key, by an atomic write."""
    import pyarrow as pa

    m = len(result.keys)
    columns: dict[str, Any] = {name: [getattr(result, name)] * m for name in _CONSTANT}
    columns["key"] = list(result.keys)
    columns |= {name: getattr(result, name) for name in _PER_KEY}
    for level, low, high in zip(result.levels, result.low, result.high, strict=True):
        columns[f"low_{percent(level)}"], columns[f"high_{percent(level)}"] = low, high
    costs = ("fit_seconds", "calibration_seconds", "query_microseconds", "levels", *_CONSTANT)
    metadata = json.dumps({name: getattr(result, name) for name in costs})
    table = pa.table(columns).replace_schema_metadata({_METADATA: metadata})
    _write_whole(table, path)


def read_fit(path: Path) -> FitResult:
    """Read what `write_fit` wrote.

    Raises:
        UserError: if it is not such a file.
    """
    import pyarrow.parquet as pq

    with unreadable(f"{path} must be the result of a fit", "remove it and run again"):
        table = pq.read_table(path)
        values = json.loads(table.schema.metadata[_METADATA])
        values["levels"] = tuple(values["levels"])
        for name in _PER_KEY:
            values[name] = table[name].to_numpy()
        ends = [
            np.array([table[f"{end}_{percent(level)}"].to_numpy() for level in values["levels"]])
            for end in ("low", "high")
        ]
        return FitResult(**values, keys=tuple(table["key"].to_pylist()), low=ends[0], high=ends[1])


def percent(level: float) -> str:
    """A level as the text of its percentage, for names.

    >>> percent(0.9), percent(0.975)
    ('90', '97.5')
    """
    return f"{100 * level:.6g}"


def write_rows(rows: "list[Any]", path: Path) -> None:
    """Write flat dataclasses as one Parquet file, by an atomic write."""
    import pyarrow as pa

    _write_whole(pa.Table.from_pylist([asdict(row) for row in rows]), path)


def _write_whole(table: "pa.Table", path: Path) -> None:
    import pyarrow.parquet as pq

    with atomic_file(path) as scratch:
        pq.write_table(table, scratch, compression="zstd")
