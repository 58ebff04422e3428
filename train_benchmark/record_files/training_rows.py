"""Training records in Parquet files, one row each."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from train_benchmark.record import SCORE_FIELDS, TrainingRecord
from train_benchmark.record_files.parquet_rows import read_parquet, write_parquet

RECORD_SCHEMA = pa.schema(
    [
        ("functional_key", pa.string()),
        ("cell", pa.string()),
        ("semantics", pa.string()),
        ("seed", pa.int64()),
        ("recipe_hash", pa.string()),
        ("corpus_fingerprint", pa.string()),
        ("status", pa.string()),
        ("error", pa.string()),
        ("val_per_curve", pa.list_(pa.float64())),
        ("train_loss_curve", pa.list_(pa.float64())),
        ("best_epoch", pa.int64()),
        ("test_per", pa.float64()),
        ("params", pa.int64()),
        ("train_seconds", pa.float64()),
        ("software", pa.string()),
    ]
)

SCORED_SCHEMA = pa.schema(
    [
        *RECORD_SCHEMA,
        ("held_out_per_curves", pa.list_(pa.list_(pa.float64()))),
        ("utterance_edits", pa.list_(pa.list_(pa.int16()))),
        ("utterance_ctc_loss", pa.list_(pa.list_(pa.float64()))),
    ]
)
"""Records of recipes that keep the scores of every held-out utterance."""


def write_records(records: Sequence[TrainingRecord], path: Path) -> None:
    """Write records as one Parquet file, whole or not at all."""
    write_parquet(rows_of_records(records), path)


def read_records(path: Path) -> tuple[TrainingRecord, ...]:
    """Read the records of one Parquet file.

    Raises:
        UserError: if it is not a Parquet file of this schema.
    """
    return tuple(TrainingRecord.from_row(row) for row in read_rows(path).to_pylist())


def rows_of_records(records: Sequence[TrainingRecord]) -> pa.Table:
    """Records as columns; those of scores only if a record has any."""
    scored = any(getattr(record, name) for record in records for name in SCORE_FIELDS)
    schema = SCORED_SCHEMA if scored else RECORD_SCHEMA
    return pa.Table.from_pylist([asdict(record) for record in records], schema=schema)


def read_rows(path: Path) -> pa.Table:
    """Read the rows of one Parquet file of trainings.

    Raises:
        UserError: if it is not a Parquet file of this schema.
    """
    return read_parquet(path, "records", (RECORD_SCHEMA, SCORED_SCHEMA), {"test_per"})
