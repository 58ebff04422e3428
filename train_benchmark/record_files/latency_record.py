"""Latency records: one measurement of one cell in one setting each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import pyarrow as pa

from graph_encoding.common.errors import UserError
from train_benchmark.record import NullableFloat, Record
from train_benchmark.record_files.parquet_rows import read_parquet, schema_of, write_parquet

LATENCY_SCHEMA_VERSION = 1

_VERSION_KEY = b"latency_schema_version"

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
"""Quantiles of all timed runs of a cell that are stored, without correction for drift."""

LatencyStatus = Literal["ok", "failed", "unsupported"]

_NULLABLE = ("latency_s", "latency_error_s", "drift_factor", "reference_s", "peak_memory_bytes")


@dataclass(frozen=True, slots=True)
class LatencyRecord(Record):
    """Result of measuring one cell in one setting.

    Attributes:
        functional_key: identity of the cell's function under `semantics`.
        cell: text of the cell that was measured.
        semantics: "paper" or "released".
        setting: name of the setting, the macro network included.
        status: "ok", "failed", or "unsupported" (the engine cannot run an operation that way).
        error: reason, for a status other than "ok"; else empty.
        latency_s: drift-corrected seconds of one run, at the reference's baseline speed
            (docs/explanation/latency.md); NaN unless "ok".
        latency_error_s: standard error of `latency_s`; NaN unless "ok".
        noisy: whether that error exceeded the configured bound after all attempts.
        quantiles_s: `QUANTILES` of all timed runs, uncorrected; empty unless "ok".
        repetitions: timed runs.
        attempts: series of rounds; 1 if the first was precise enough.
        drift_factor: seconds of the reference next to this cell, divided by its baseline.
        reference_s: the reference's baseline; `latency_s / reference_s` compares machines.
        peak_memory_bytes: peak memory that loading and one run added to the engine, without its
            code; None where the system does not report it.
        model_bytes: size of the model's file; for torch, of its weights.
        device: name of the processor.
        software: versions that can change the numbers, as "name=version" joined by spaces.
    """

    NAME = "a latency record"
    functional_key: str
    cell: str
    semantics: str
    setting: str
    status: LatencyStatus
    error: str
    latency_s: NullableFloat
    latency_error_s: NullableFloat
    noisy: bool
    quantiles_s: tuple[float, ...]
    repetitions: int
    attempts: int
    drift_factor: NullableFloat
    reference_s: NullableFloat
    peak_memory_bytes: int | None
    model_bytes: int
    device: str
    software: str

    def __post_init__(self) -> None:
        self._check_status(get_args(LatencyStatus))
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
        """(setting, functional key)."""
        return self.setting, self.functional_key


LATENCY_SCHEMA = schema_of(LatencyRecord).with_metadata({_VERSION_KEY: str(LATENCY_SCHEMA_VERSION)})


def write_latencies(records: Sequence[LatencyRecord], path: Path) -> None:
    """Write records as one Parquet file, whole or not at all."""
    columns = {name: [getattr(record, name) for record in records] for name in LATENCY_SCHEMA.names}
    write_parquet(pa.Table.from_pydict(columns, schema=LATENCY_SCHEMA), path)


def read_latency_columns(path: Path, columns: Sequence[str] = ()) -> pa.Table:
    """Read one Parquet file as columns, which is fast for thousands of rows.

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
        UserError: if it is not a Parquet file of this schema, or a row contradicts itself.
    """
    return tuple(LatencyRecord.from_row(row) for row in read_latency_columns(path).to_pylist())
