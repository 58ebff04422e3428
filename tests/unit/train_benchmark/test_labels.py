"""Labels of trainings: which epochs each averages, for recipes of any length, and what says so."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding.common.errors import UserError
from surrogate.testing.synthetic import synthetic_table
from train_benchmark.labels import (
    LABELS,
    EpochWindow,
    definition_of,
    label_of,
    label_window,
    last_epochs,
)
from train_benchmark.table.benchmark_table import BenchmarkTable
from train_benchmark.table.verify import Check, verify_table

TABLE = synthetic_table(6, seeds=(1, 2))
CURVES = st.lists(st.floats(0, 1.5), min_size=1, max_size=45)


@pytest.mark.parametrize(
    ("epochs", "first"), [(1, 1), (2, 1), (3, 2), (5, 3), (6, 3), (10, 5), (20, 9), (40, 17)]
)
def test_val_per_averages_the_last_60_percent_of_the_epochs(epochs: int, first: int) -> None:
    assert label_window("val_per", epochs) == EpochWindow(first, epochs)


@given(st.integers(1, 10_000))
def test_the_window_is_the_shortest_of_60_percent(epochs: int) -> None:
    window = label_window("val_per", epochs)
    assert window is not None
    assert window.last == epochs
    assert 5 * len(window) >= 3 * epochs > 5 * (len(window) - 1)


@pytest.mark.parametrize(("epochs", "first"), [(3, 1), (5, 1), (6, 2), (20, 16)])
def test_val_per_last5_averages_the_last_five_or_all(epochs: int, first: int) -> None:
    assert label_window("val_per_last5", epochs) == EpochWindow(first, epochs)


def test_labels_known_answers() -> None:
    curve = (1.0, 0.9, 0.3, 0.5, 0.7, 0.8)
    record = replace(TABLE.records[0], val_per_curve=curve, test_per=0.95)
    assert {label: label_of(record, label) for label in LABELS} == pytest.approx(
        {
            "val_per": 0.575,  # epochs 3 to 6
            "val_per_last5": 0.64,  # epochs 2 to 6
            "val_per_best": 0.3,
            "val_per_last": 0.8,
            "test_per": 0.95,
        }
    )


@given(st.lists(CURVES, min_size=1, max_size=4))
def test_label_columns_equal_the_records(curves: list[list[float]]) -> None:
    """Also where the trainings differ in length."""
    records = [
        replace(TABLE.records[0], seed=seed, val_per_curve=tuple(curve))
        for seed, curve in enumerate(curves)
    ]
    table = BenchmarkTable(TABLE.metadata, records)
    for label in LABELS:
        found = table.labels_of(records[0].functional_key, label)
        assert found == {record.seed: label_of(record, label) for record in records}


@given(CURVES)
def test_a_mean_over_epochs_lies_within_the_curve(curve: list[float]) -> None:
    record = replace(TABLE.records[0], val_per_curve=tuple(curve))
    best = label_of(record, "val_per_best")
    for label in ("val_per", "val_per_last5", "val_per_last"):
        assert best - 1e-12 <= label_of(record, label) <= max(curve) + 1e-12


def test_unknown_labels_are_refused_with_the_known_ones() -> None:
    rule = "one of val_per, val_per_last5, val_per_best.*but got 'accuracy'"
    for ask in (
        lambda: label_of(TABLE.records[0], "accuracy"),
        lambda: label_window("accuracy", 20),
        lambda: definition_of("accuracy"),
        lambda: TABLE.labels_of(TABLE.keys[0], "accuracy"),
    ):
        with pytest.raises(UserError, match=rule):
            ask()


@pytest.mark.parametrize(("first", "last"), [(0, 3), (4, 3)])
def test_a_window_is_in_order_and_counts_from_1(first: int, last: int) -> None:
    with pytest.raises(UserError, match="1 <= first <= last"):
        EpochWindow(first, last)


def test_places_of_a_window_are_those_of_its_epochs() -> None:
    assert list(range(1, 21))[EpochWindow(9, 20).places] == list(range(9, 21))
    assert last_epochs(1, 20) == EpochWindow(20, 20)


def test_definitions_name_the_window() -> None:
    assert definition_of("val_per", 20) == "mean validation PER of epochs 9 to 20 of 20"
    assert definition_of("val_per", 1) == "mean validation PER of epoch 1 of 1"
    assert definition_of("val_per_last5", 20) == "mean validation PER of epochs 16 to 20 of 20"
    assert definition_of("val_per") == "mean validation PER of the last 60 % of the epochs"
    assert definition_of("val_per_last5") == "mean validation PER of the last 5 epochs"
    assert len({definition_of(label, 20) for label in LABELS}) == len(LABELS)


def test_a_table_knows_its_window_unless_its_trainings_differ_in_length() -> None:
    assert TABLE.epochs == 6
    assert TABLE.label_definitions["val_per"] == "mean validation PER of epochs 3 to 6 of 6"
    short = replace(TABLE.records[0], val_per_curve=(0.5,))
    mixed = BenchmarkTable(TABLE.metadata, [short, *TABLE.records[1:]])
    assert mixed.epochs is None
    assert "last 60 %" in mixed.label_definitions["val_per"]
    assert BenchmarkTable(TABLE.metadata, []).epochs is None


@pytest.mark.parametrize(
    ("name", "window"),
    [("timit-micro", "epochs 9 to 20 of 20"), ("synth-micro", "epochs 2 to 3 of 3")],
)
def test_shipped_tables_define_their_labels(name: str, window: str) -> None:
    table = BenchmarkTable.load(name)
    assert table.stated_labels == table.label_definitions
    assert window in table.label_definitions["val_per"]
    row = table.measured[7]
    assert table.labels_of(row.functional_key, "val_per")[row.seed] == pytest.approx(
        np.mean(row.val_per_curve[-12 if name == "timit-micro" else -2 :])
    )


def labels_check(folder: Path) -> list[Check]:
    checks = verify_table(BenchmarkTable.load(folder), recipe_hash=None, wanted=())
    return [check for check in checks if check.name == "labels"]


def test_verify_compares_labels_with_the_metadata(tmp_path: Path) -> None:
    TABLE.save(tmp_path / "t")
    (check,) = labels_check(tmp_path / "t")
    assert check.ok
    path = tmp_path / "t" / "metadata.json"
    described = json.loads(path.read_text())
    before = {**described["labels"], "val_per": definition_of("val_per_last5", 6)}
    path.write_text(json.dumps({**described, "labels": before}))
    (check,) = labels_check(tmp_path / "t")
    assert not check.ok
    assert "epochs 2 to 6 of 6 by the metadata" in check.detail
    assert "epochs 3 to 6 of 6 by this version" in check.detail


def test_a_table_from_before_the_metadata_named_labels_reads_unchanged(tmp_path: Path) -> None:
    TABLE.save(tmp_path / "t")
    path = tmp_path / "t" / "metadata.json"
    described = json.loads(path.read_text())
    del described["labels"]
    path.write_text(json.dumps(described))
    assert labels_check(tmp_path / "t") == []
    assert BenchmarkTable.load(tmp_path / "t").content_sha256 == TABLE.content_sha256


@pytest.mark.parametrize("label", LABELS)
def test_a_table_of_curves_of_several_lengths_has_the_labels_of_its_records(label: str) -> None:
    records = [
        replace(record, val_per_curve=record.val_per_curve[: 5 + row % 3])
        for row, record in enumerate(TABLE.records)
    ]
    table = BenchmarkTable(TABLE.metadata, records)
    for record in table.measured:
        assert table.labels_of(record.functional_key, label)[record.seed] == label_of(record, label)
