"""Training records in Parquet files, one row each."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from train_benchmark.record import SCORE_FIELDS, TrainingRecord
from train_benchmark.record_files.parquet_rows import read_parquet, schema_of, write_parquet

SCORED_SCHEMA = schema_of(TrainingRecord, utterance_edits=pa.list_(pa.list_(pa.int16())))
"""Records of recipes that keep the scores of every held-out utterance."""

RECORD_SCHEMA = pa.schema([column for column in SCORED_SCHEMA if column.name not in SCORE_FIELDS])


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
