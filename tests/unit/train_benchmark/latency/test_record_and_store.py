"""Latency records keep what they say, in JSON, in Parquet and through a kill."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graph_encoding.common.errors import UserError
from tests.unit.train_benchmark.latency.helpers import RECORD, failed, made_up
from train_benchmark.latency import store as store_module
from train_benchmark.latency.store import LatencyStore, read_latency_store
from train_benchmark.latency.summary import summarise
from train_benchmark.record_files.latency_record import (
    LATENCY_SCHEMA,
    LatencyRecord,
    read_latencies,
    read_latency_columns,
    write_latencies,
)

ROOT = Path(__file__).parents[4]
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


def test_twenty_thousand_rows_are_there_at_once(tmp_path: Path) -> None:
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
def test_records_that_make_no_sense_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(UserError):
        replace(RECORD, **changes)  # type: ignore[arg-type]


def test_a_record_has_exactly_its_keys() -> None:
    with pytest.raises(UserError, match="exactly the keys"):
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
    with pytest.raises(UserError, match=f"a latency record must have a {field} of type"):
        LatencyRecord.from_row(row)


def test_the_store_keeps_records_through_shards_and_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "SWEEP", replace(store_module.SWEEP, records_per_shard=3))
    with LatencyStore(tmp_path) as store:
        for record in RECORDS:
            store.append(record)
        assert len(list((tmp_path / "shards").iterdir())) == 1
        assert len(read_latency_store(tmp_path)) == len(RECORDS)
        with pytest.raises(UserError, match="already has a record"):
            store.append(RECORD)
        with pytest.raises(UserError, match="another writer"), LatencyStore(tmp_path):
            pass
    assert (tmp_path / "journal.jsonl").read_bytes() == b""
    found = read_latency_store(tmp_path)
    assert all(same(found[record.identity], record) for record in RECORDS)


def test_a_kill_loses_only_the_line_that_was_being_written(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    whole = RECORD.to_json().encode() + b"\n"
    torn = made_up(1).to_json().encode()[:50]
    (tmp_path / "journal.jsonl").write_bytes(whole + torn)
    assert list(read_latency_store(tmp_path)) == [RECORD.identity]
    with LatencyStore(tmp_path) as store:
        store.append(made_up(1))
    assert len(read_latency_store(tmp_path)) == 2


def test_a_record_in_shard_and_journal_counts_once_and_two_that_differ_are_refused(
    tmp_path: Path,
) -> None:
    (tmp_path / "shards").mkdir()
    write_latencies([RECORD], tmp_path / "shards" / "one.parquet")
    journal = tmp_path / "journal.jsonl"
    journal.write_text(RECORD.to_json() + "\n")
    assert len(read_latency_store(tmp_path)) == 1
    journal.write_text(replace(RECORD, latency_s=1.0).to_json() + "\n")
    with pytest.raises(UserError, match="has two that differ"):
        read_latency_store(tmp_path)
    journal.write_text("{}\n")
    with pytest.raises(UserError, match="line 1 is corrupt"):
        read_latency_store(tmp_path)


def test_a_summary_counts_each_kind() -> None:
    (summary,) = summarise(RECORDS)
    assert (summary.cells, summary.noisy, summary.failed, summary.unsupported) == (4, 1, 1, 1)
    assert summary.median_ms == pytest.approx(0.3)
    assert summary.error_percent == pytest.approx(1 / 3)
    (empty,) = summarise([failed(1)])
    assert (empty.median_ms, empty.failed) == (None, 1)


@pytest.mark.parametrize("module", ["record_files.latency_record", "latency.sweep"])
def test_records_and_sweeps_are_used_without_torch(module: str) -> None:
    """Predictors read records; and a process without torch is what onnxruntime is measured in."""
    program = f"import sys, train_benchmark.{module}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {"torch", "onnx", "onnxruntime", "pandas"}.isdisjoint(result.stdout.split())
