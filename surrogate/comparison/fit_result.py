"""One finished fit: its answers for every test key and what they cost, kept as one Parquet file."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.atomic_files import whole_file
from graph_encoding.common.errors import unreadable
from surrogate.data.targets import FloatArray

if TYPE_CHECKING:
    import pyarrow as pa

_METADATA = b"nasasr"
_CONSTANT = ("protocol", "detail", "train_size", "repeat", "predictor")
_PER_KEY = ("measured", "predicted", "model_mean", "model_std", "nodes", "extrapolated")


@dataclass(frozen=True, eq=False)
class FitResult:
    """What a predictor answered for m test keys.

    Attributes:
        protocol: name of the protocol.
        detail: which of its divisions.
        train_size: keys it was fitted on.
        repeat: number of the split.
        predictor: its name.
        keys: (m,) test keys.
        measured: (m,) labels on the raw scale.
        predicted: (m,) answers on the raw scale.
        model_mean: (m,) answers on the model scale.
        model_std: (m,) calibrated standard deviations on the model scale.
        nodes: (m,) operations of each graph.
        extrapolated: (m,) whether a graph has an operation or a size that no training graph has.
        levels: (l,) levels of the intervals.
        low: (l, m) lower ends of the intervals on the raw scale.
        high: (l, m) upper ends.
        fit_seconds: processor time of the fit, without its calibration.
        calibration_seconds: processor time of the calibration.
        query_microseconds: processor time of an answer, its encoding included; the median over
            batches.
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
    extrapolated: NDArray[np.bool_]
    levels: tuple[float, ...]
    low: FloatArray
    high: FloatArray
    fit_seconds: float
    calibration_seconds: float
    query_microseconds: float

    def at(self, rows: NDArray[Any]) -> "FitResult":
        """The same fit for some of its test keys; indices may repeat, or a mask."""
        chosen = np.arange(len(self.keys))[rows]
        changed: dict[str, Any] = {name: getattr(self, name)[chosen] for name in _PER_KEY}
        changed["keys"] = tuple(self.keys[i] for i in chosen)
        changed["low"], changed["high"] = self.low[:, chosen], self.high[:, chosen]
        return FitResult(**{**self.__dict__, **changed})

    @property
    def place(self) -> tuple[str, str, int, str]:
        """What its repeats have in common: (protocol, detail, train size, predictor)."""
        return self.protocol, self.detail, self.train_size, self.predictor


def write_fit(result: FitResult, path: Path) -> None:
    """Write a result as one Parquet file, one row a test key, whole or not at all."""
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
    """Write flat dataclasses as one Parquet file, whole or not at all."""
    import pyarrow as pa

    _write_whole(pa.Table.from_pylist([asdict(row) for row in rows]), path)


def _write_whole(table: "pa.Table", path: Path) -> None:
    import pyarrow.parquet as pq

    with whole_file(path) as scratch:
        pq.write_table(table, scratch, compression="zstd")
