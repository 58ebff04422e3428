"""Latency records keep what they say, in JSON and in Parquet."""

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graph_encoding.common.errors import UserError
from tests.unit.train_benchmark.latency.helpers import RECORD, failed, made_up
from train_benchmark.record_files.latency_record import (
    LATENCY_SCHEMA,
    LatencyRecord,
    read_latencies,
    read_latency_columns,
    write_latencies,
)

RECORDS = [RECORD, made_up(1, noisy=True), failed(2), failed(3, "unsupported")]


def same(a: LatencyRecord, b: LatencyRecord) -> bool:
    return a.to_json() == b.to_json()  # NaN is not equal to itself


@pytest.mark.parametrize("record", RECORDS)
def test_json_round_trip(record: LatencyRecord) -> None:
    assert same(LatencyRecord.from_json(record.to_json()), record)


def test_parquet_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "latencies.parquet"
    write_latencies(RECORDS, path)
    found = read_latencies(path)
    assert [r.to_json() for r in found] == [r.to_json() for r in RECORDS]
    assert list(tmp_path.iterdir()) == [path]


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    pq.write_table(pa.table({"x": [1]}), path)
    with pytest.raises(UserError, match=r"must have the columns .* but have x \(int64\)"):
        read_latencies(path)
    write_latencies(RECORDS, path)
    newer = LATENCY_SCHEMA.with_metadata({"latency_schema_version": "2"})
    pq.write_table(pq.read_table(path).cast(newer), path)
    with pytest.raises(UserError, match="but have version 2"):
        read_latencies(path)
    path.write_text("no table")
    with pytest.raises(UserError, match="must be a Parquet file, but it cannot be read"):
        read_latencies(path)


def test_twenty_thousand_rows_are_read_in_a_second(tmp_path: Path) -> None:
    path = tmp_path / "latencies.parquet"
    write_latencies([made_up(i, latency_s=1e-4 + 1e-9 * i) for i in range(20_000)], path)
    begun = time.process_time()
    column = read_latency_columns(path)["latency_s"].to_numpy()
    assert time.process_time() - begun < 1.0
    np.testing.assert_allclose(column, 1e-4 + 1e-9 * np.arange(20_000))


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "good"},
        {"error": "a reason"},
        {"status": "failed"},
        {"latency_s": float("nan")},
        {"latency_s": 0.0},
        {"quantiles_s": (1.0, 2.0)},
        {"quantiles_s": (7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0)},
    ],
)
def test_inconsistent_latency_records_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(UserError):
        replace(RECORD, **changes)  # type: ignore[arg-type]


def test_a_record_has_exactly_its_keys() -> None:
    with pytest.raises(UserError, match="key 'semantics' is required"):
        LatencyRecord.from_json('{"cell": "10_100_1000"}')
    with pytest.raises(UserError, match="one line of JSON"):
        LatencyRecord.from_json("{")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("latency_s", "0.1"),
        ("quantiles_s", 5),
        ("quantiles_s", [None] * 7),
        ("noisy", 0),
        ("attempts", None),
        ("peak_memory_bytes", 1.5),
        ("device", None),
    ],
)
def test_values_of_other_types_are_refused_by_name(field: str, value: object) -> None:
    row = {**json.loads(RECORD.to_json()), field: value}
    message = f"a latency record must be one line of JSON .*key '{field}.*but got"
    with pytest.raises(UserError, match=message):
        LatencyRecord.from_json(json.dumps(row))
