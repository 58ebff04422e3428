"""One cell in one setting, one record: what a measurement of latency leaves."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from graph_encoding.common.atomic_files import whole_file
from graph_encoding.common.errors import UserError
from graph_encoding.common.strict_json import strict_json
from train_benchmark.record import values_of_row
from train_benchmark.record_files.parquet_rows import read_parquet

LATENCY_SCHEMA_VERSION = 1

_VERSION_KEY = b"latency_schema_version"

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
"""Of all timed runs of a cell, as they were: not corrected for drift."""

LatencyStatus = Literal["ok", "failed", "unsupported"]

LATENCY_SCHEMA = pa.schema(
    [
        ("functional_key", pa.string()),
        ("cell", pa.string()),
        ("semantics", pa.string()),
        ("setting", pa.string()),
        ("status", pa.string()),
        ("error", pa.string()),
        ("latency_s", pa.float64()),
        ("latency_error_s", pa.float64()),
        ("noisy", pa.bool_()),
        ("quantiles_s", pa.list_(pa.float64())),
        ("repetitions", pa.int64()),
        ("attempts", pa.int64()),
        ("drift_factor", pa.float64()),
        ("reference_s", pa.float64()),
        ("peak_memory_bytes", pa.int64()),
        ("model_bytes", pa.int64()),
        ("device", pa.string()),
        ("software", pa.string()),
    ],
    metadata={_VERSION_KEY: str(LATENCY_SCHEMA_VERSION)},
)

_NUMBERS = ("latency_s", "latency_error_s", "drift_factor", "reference_s")
_NULLABLE = (*_NUMBERS, "peak_memory_bytes")


@dataclass(frozen=True, slots=True)
class LatencyRecord:
    """What measuring one cell in one setting gave.

    Attributes:
        functional_key: identity of the cell's function under `semantics`.
        cell: text of the point of the space that was built.
        semantics: "paper" or "released".
        setting: name of the setting, the macro network included.
        status: "ok", "failed", or "unsupported" (the engine cannot run an operation that way).
        error: reason, for a status other than "ok"; else empty.
        latency_s: seconds of one run at the reference's baseline speed: the drift-corrected
            centre (docs/latency.md); NaN unless "ok".
        latency_error_s: standard error of `latency_s`; NaN unless "ok".
        noisy: whether that error stayed above the configured bound after all attempts.
        quantiles_s: `QUANTILES` of all timed runs, uncorrected; empty unless "ok".
        repetitions: timed runs.
        attempts: series of rounds that were taken, 1 where the first was quiet enough.
        drift_factor: how much slower than its baseline the reference ran beside this cell.
        reference_s: the reference's baseline; `latency_s / reference_s` compares machines.
        peak_memory_bytes: most memory that loading and one run added to the bare engine, without
            its code; None where the system does not say.
        model_bytes: size of the model's file, or of its weights for torch.
        device: processor, in words.
        software: versions that can change the numbers, as "name=version" joined by spaces.
    """

    functional_key: str
    cell: str
    semantics: str
    setting: str
    status: LatencyStatus
    error: str
    latency_s: float
    latency_error_s: float
    noisy: bool
    quantiles_s: tuple[float, ...]
    repetitions: int
    attempts: int
    drift_factor: float
    reference_s: float
    peak_memory_bytes: int | None
    model_bytes: int
    device: str
    software: str

    def __post_init__(self) -> None:
        if self.status not in get_args(LatencyStatus):
            raise UserError(
                f"a record's status must be one of {get_args(LatencyStatus)}, "
                f"but got {self.status!r}"
            )
        if (self.status == "ok") == bool(self.error):
            raise UserError(
                "a record has an error text if and only if its status is not 'ok', "
                f"but got status {self.status!r} and error {self.error!r}"
            )
        if self.status != "ok":
            return
        if not (math.isfinite(self.latency_s) and self.latency_s > 0):
            raise UserError(f"an 'ok' record must have a latency > 0, but got {self.latency_s}")
        if len(self.quantiles_s) != len(QUANTILES) or list(self.quantiles_s) != sorted(
            self.quantiles_s
        ):
            raise UserError(
                f"an 'ok' record must have {len(QUANTILES)} rising quantiles, "
                f"but got {self.quantiles_s}"
            )

    @property
    def identity(self) -> tuple[str, str]:
        """What a measurement is asked for by: (setting, functional key)."""
        return self.setting, self.functional_key

    def to_json(self) -> str:
        """One line of JSON; NaN is written as null."""
        row = asdict(self)
        for name in _NUMBERS:
            row[name] = None if math.isnan(row[name]) else row[name]
        return json.dumps(row, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> "LatencyRecord":
        """The inverse of `to_json`.

        Raises:
            UserError: if the line is not JSON, or its keys or the types of its values are not
                exactly a record's.
        """
        try:
            row = strict_json(line)
        except ValueError as e:
            raise UserError(f"a latency record must be one line of JSON: {e}") from e
        return cls.from_row(row)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "LatencyRecord":
        """Make a record of plain values; null numbers become NaN.

        Raises:
            UserError: if the keys or the types of the values are not exactly a record's.
        """
        return cls(**values_of_row(row, cls, "a latency record", _NUMBERS))


def write_latencies(records: Sequence[LatencyRecord], path: Path) -> None:
    """Write records as one Parquet file, whole or not at all."""
    columns = {name: [getattr(record, name) for record in records] for name in LATENCY_SCHEMA.names}
    table = pa.Table.from_pydict(columns, schema=LATENCY_SCHEMA)
    with whole_file(path) as scratch, scratch.open("wb") as file:
        pq.write_table(table, file, compression="zstd")


def read_latency_columns(path: Path, columns: Sequence[str] = ()) -> pa.Table:
    """Read one Parquet file as columns: what a predictor of thousands of rows wants.

    Args:
        path: the file.
        columns: which columns; all if empty.

    Raises:
        UserError: if it is not a Parquet file of this schema.
    """
    table = read_parquet(path, "latencies", (LATENCY_SCHEMA,), _NULLABLE, columns)
    version = (table.schema.metadata or {}).get(_VERSION_KEY, b"none").decode(errors="replace")
    if version != str(LATENCY_SCHEMA_VERSION):
        raise UserError(
            f"latencies {path} must have schema version {LATENCY_SCHEMA_VERSION}, but have "
            f"version {version}; use the nasasr version that wrote them, or measure them again"
        )
    return table


def read_latencies(path: Path) -> tuple[LatencyRecord, ...]:
    """Read the records of one Parquet file.

    Raises:
        UserError: if it is not a Parquet file of this schema.
    """
    columns = read_latency_columns(path).to_pydict()
    columns["quantiles_s"] = [tuple(values) for values in columns["quantiles_s"]]
    rows = zip(*(columns[field.name] for field in fields(LatencyRecord)), strict=True)
    return tuple(LatencyRecord(*row) for row in rows)
