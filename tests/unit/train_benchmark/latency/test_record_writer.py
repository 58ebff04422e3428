"""A sweep's records survive a kill, have a summary, and can be read without torch."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from graph_encoding.common.errors import UserError
from tests.unit.train_benchmark.latency.helpers import RECORD, failed, made_up
from train_benchmark.latency import record_writer as store_module
from train_benchmark.latency.record_writer import LatencyStore
from train_benchmark.latency.summary import summarise
from train_benchmark.record_files.folder_kinds import read_latency_store
from train_benchmark.record_files.latency_record import (
    LatencyRecord,
    write_latencies,
)

ROOT = Path(__file__).parents[4]
RECORDS = [RECORD, made_up(1, noisy=True), failed(2), failed(3, "unsupported")]


def same(a: LatencyRecord, b: LatencyRecord) -> bool:
    return a.to_json() == b.to_json()  # NaN is not equal to itself


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


def test_a_kill_loses_only_the_current_line(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    whole = RECORD.to_json().encode() + b"\n"
    torn = made_up(1).to_json().encode()[:50]
    (tmp_path / "journal.jsonl").write_bytes(whole + torn)
    assert list(read_latency_store(tmp_path)) == [RECORD.identity]
    with LatencyStore(tmp_path) as store:
        store.append(made_up(1))
    assert len(read_latency_store(tmp_path)) == 2


def test_a_record_in_shard_and_journal_counts_once_and_different_ones_are_refused(
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
    """Predictors read records, and onnxruntime is measured in a process without torch."""
    program = f"import sys, train_benchmark.{module}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {"torch", "onnx", "onnxruntime", "pandas"}.isdisjoint(result.stdout.split())
