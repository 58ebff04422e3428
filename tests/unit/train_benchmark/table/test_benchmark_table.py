"""Tables: one recipe, one row for each (key, seed), and files that are verified."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graph_encoding.common.errors import UserError
from surrogate.testing.synthetic import synthetic_table
from train_benchmark.record_files.training_rows import read_records, write_records
from train_benchmark.table.benchmark_table import BenchmarkTable

TABLE = synthetic_table(6, seeds=(1, 2), failed=1)


def _with(*records: object) -> BenchmarkTable:
    return BenchmarkTable(TABLE.metadata, records)  # type: ignore[arg-type]


def test_rows_are_sorted_by_key_and_seed() -> None:
    identities = [record.identity for record in _with(*reversed(TABLE.records)).records]
    assert identities == sorted(identities)


def test_equal_rows_count_once() -> None:
    assert len(_with(*TABLE.records, TABLE.records[0])) == len(TABLE)


def test_two_different_rows_of_one_training_are_refused() -> None:
    with pytest.raises(UserError, match="two that differ"):
        _with(*TABLE.records, replace(TABLE.records[0], train_seconds=9.0))


@pytest.mark.parametrize("field", ["recipe_hash", "corpus_fingerprint", "semantics"])
def test_mixed_sources_are_refused(field: str) -> None:
    with pytest.raises(UserError, match=f"share one {field}.*'other'"):
        _with(*TABLE.records, replace(TABLE.records[0], seed=9, **{field: "other"}))  # type: ignore[arg-type]


def test_failed_rows_are_kept_but_not_measured() -> None:
    assert len(TABLE) == 12
    assert len(TABLE.measured) == 11
    assert TABLE.seeds == (1, 2)


def test_an_unknown_function_has_no_rows() -> None:
    assert TABLE.rows_of("nope") == ()


def test_label_matrix_holds_functions_with_all_seeds() -> None:
    keys, matrix = TABLE.label_matrix("test_per", (2, 1))
    assert matrix.shape == (5, 2)
    rows = TABLE.rows_of(keys[0])
    assert matrix[0].tolist() == [rows[1].test_per, rows[0].test_per]


def test_label_matrix_without_common_seed_is_empty() -> None:
    keys, matrix = TABLE.label_matrix("val_per", (99,))
    assert keys == ()
    assert matrix.shape == (0, 1)


def test_round_trip_through_a_folder(tmp_path: Path) -> None:
    TABLE.save(tmp_path / "t")
    loaded = BenchmarkTable.load(tmp_path / "t")
    assert loaded.metadata == TABLE.metadata
    assert [r.to_json() for r in loaded.records] == [r.to_json() for r in TABLE.records]


def test_existing_folder_is_never_overwritten(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="exists"):
        TABLE.save(tmp_path)


def test_corrupt_rows_are_noticed(tmp_path: Path) -> None:
    TABLE.save(tmp_path / "t")
    path = tmp_path / "t" / "records.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="corrupt"):
        BenchmarkTable.load(tmp_path / "t")


def test_missing_rows_are_noticed(tmp_path: Path) -> None:
    TABLE.save(tmp_path / "t")
    (tmp_path / "t" / "records.parquet").unlink()
    with pytest.raises(UserError, match="lacks it; copy or build the table again"):
        BenchmarkTable.load(tmp_path / "t")


def test_other_schema_version_is_refused(tmp_path: Path) -> None:
    TABLE.save(tmp_path / "t")
    path = tmp_path / "t" / "metadata.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 99}))
    with pytest.raises(UserError, match="schema version 1, but has 99"):
        BenchmarkTable.load(tmp_path / "t")


def test_an_unknown_table_lists_the_packaged_ones() -> None:
    with pytest.raises(UserError, match=r"no table 'nope'.*metadata\.json"):
        BenchmarkTable.load("nope")


def test_a_file_that_is_not_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"no")
    with pytest.raises(UserError, match="must be a Parquet file, but it cannot be read"):
        read_records(tmp_path / "x.parquet")


def test_records_survive_parquet(tmp_path: Path) -> None:
    write_records(TABLE.measured, tmp_path / "x.parquet")
    assert read_records(tmp_path / "x.parquet") == TABLE.measured
    assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"]


def test_seed_labels_scatter_around_their_function() -> None:
    _, matrix = synthetic_table(40, noise=0.001).label_matrix("val_per", (1, 2))
    assert np.abs(np.diff(matrix, axis=1)).max() < 0.01
