"""Questions to tables: measured values with the seed said, checks, exports."""

import csv
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from graph_encoding import Cell, DeadCellError, UserError
from graph_encoding.cost import params
from graph_encoding.macro import TIMIT_MICRO_MACRO
from surrogate.testing.synthetic import synthetic_table
from train_benchmark.recipe import Recipe
from train_benchmark.record import TrainingRecord
from train_benchmark.table.benchmark_table import LABELS, BenchmarkTable, label_of
from train_benchmark.table.export import export_csv, export_parquet
from train_benchmark.table.query import measurement_status, query
from train_benchmark.table.verify import verify_retrained, verify_table

CONFIGS = Path(__file__).parents[4] / "configs"


def made_table() -> BenchmarkTable:
    """A synthetic table whose rows are right in all that is checked."""
    table = synthetic_table(12, failed=1)
    shipped = Recipe.load(CONFIGS / "train/timit-micro.toml", CONFIGS / "corpus/timit-sample.toml")
    train = shipped.train.model_copy(update={"epochs": 6})
    recipe = shipped.model_copy(update={"train": train})
    records = [
        replace(
            r,
            recipe_hash=recipe.hash,
            params=params(Cell.parse(r.cell), TIMIT_MICRO_MACRO),
            best_epoch=1 + int(np.argmin(r.val_per_curve)),
        )
        for r in table.records
    ]
    described = {"recipe": recipe.describe(), "recipe_hash": recipe.hash}
    return BenchmarkTable(replace(table.metadata, **described), records)


TABLE = made_table()
ROW = TABLE.measured[0]
CELL = Cell.parse(ROW.cell)


def spoilt(**changes: object) -> BenchmarkTable:
    records = [replace(r, **changes) if r is ROW else r for r in TABLE.records]  # type: ignore[arg-type]
    assert records != list(TABLE.records)
    return BenchmarkTable(TABLE.metadata, records)


@pytest.mark.parametrize("label", LABELS)
def test_columns_and_records_agree(label: str) -> None:
    for key in TABLE.keys:
        rows = TABLE.rows_of(key)
        assert TABLE.labels_of(key, label) == pytest.approx(
            {row.seed: label_of(row, label) for row in rows}, abs=0
        )
        assert TABLE.cell_of(key) == rows[0].cell


def test_query_with_every_choice_of_seeds() -> None:
    both = query(TABLE, CELL, seed="all")
    assert isinstance(both, dict)
    assert set(both) == {1, 2}
    assert query(TABLE, CELL, seed=1) == both[1]
    assert query(TABLE, CELL, seed=np.int64(1)) == both[1]
    assert query(TABLE, CELL, seed="mean") == pytest.approx(np.mean(list(both.values())))
    assert (
        query(TABLE, CELL, seed=1, epoch=1) == TABLE.rows_of(ROW.functional_key)[0].val_per_curve[0]
    )


@pytest.mark.parametrize(
    ("cell", "options", "message"),
    [
        (CELL, {"seed": 3}, r"seeds \[1, 2\]: choose one of them, 'mean' or 'all', but got 3"),
        (CELL, {"seed": 1.0}, "but got 1.0"),
        (CELL, {"seed": 1, "epoch": 7}, r"1 \.\. 6, but got 7"),
        (CELL, {"seed": 1, "metric": "accuracy"}, "one of val_per, .*'accuracy'"),
        (CELL, {"seed": 1, "metric": "test_per", "epoch": 1}, "must be 'val_per' with an epoch"),
        (Cell.parse("50_500_5000"), {"seed": 1}, "is dead"),
        (Cell.parse("conv9:0"), {"seed": 1}, "no measured training of cell 'conv9:0'"),
    ],
)
def test_invalid_queries_list_the_valid_values(
    cell: Cell, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        query(TABLE, cell, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("epoch", [1.5, "3"])
def test_epochs_are_whole_numbers(epoch: object) -> None:
    with pytest.raises(UserError, match="an epoch must be in"):
        query(TABLE, Cell.parse(TABLE.cell_of(TABLE.keys[0])), seed="mean", epoch=epoch)  # type: ignore[arg-type]


def test_a_row_that_is_no_cell_fails_the_checks_that_read_it() -> None:
    broken = [replace(r, cell="nonsense") if i == 0 else r for i, r in enumerate(TABLE.records)]
    assert "keys" in failing(BenchmarkTable(TABLE.metadata, broken))


def test_dead_cells_have_an_error_of_their_own_to_prune_trials_by() -> None:
    with pytest.raises(DeadCellError):
        query(TABLE, Cell.parse("50_500_5000"), seed="mean")
    with pytest.raises(UserError) as raised:
        query(TABLE, Cell.parse("conv9:0"), seed="mean")
    assert not isinstance(raised.value, DeadCellError)


def failing(table: BenchmarkTable) -> set[str]:
    return {
        check.name for check in verify_table(table, recipe_hash=None, wanted=()) if not check.ok
    }


def test_a_good_table_passes_but_for_its_failed_row() -> None:
    assert failing(TABLE) == {"status"}


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({"functional_key": "nonsense"}, {"keys", "status"}),
        ({"params": 7}, {"params", "status"}),
        ({"val_per_curve": (0.5,)}, {"curves", "best epoch", "status"}),
        ({"test_per": 3.0}, {"error rates", "status"}),
        ({"best_epoch": 5}, {"best epoch", "status"}),
    ],
)
def test_each_rule_is_checked(changes: dict[str, object], broken: set[str]) -> None:
    assert failing(spoilt(**changes)) >= broken


def test_recipe_and_completeness_are_checked() -> None:
    there, absent = (ROW.functional_key, 1), (ROW.functional_key, 3)
    checks = verify_table(TABLE, recipe_hash=TABLE.metadata.recipe_hash, wanted=[there])
    assert {c.name for c in checks if c.ok} >= {"recipe", "complete"}
    checks = verify_table(TABLE, recipe_hash="0" * 64, wanted=[there, absent])
    by_name = {c.name: c for c in checks}
    assert not by_name["recipe"].ok
    assert by_name["complete"].detail == "1 of 2 trainings of the campaign are measured"


def test_the_recipe_in_the_metadata_must_have_the_hash_of_the_rows() -> None:
    recipe = Recipe.load(CONFIGS / "train/timit-micro.toml", CONFIGS / "corpus/timit-sample.toml")

    def outcome(plain: dict[str, Any], **changes: object) -> tuple[bool, str]:
        made = [replace(r, recipe_hash=recipe.hash) for r in TABLE.measured]
        metadata = replace(TABLE.metadata, recipe={**plain, **changes}, recipe_hash=recipe.hash)
        checks = verify_table(BenchmarkTable(metadata, made), recipe_hash=None, wanted=())
        (check,) = [check for check in checks if check.name == "recipe hash"]
        return check.ok, check.detail

    plain = recipe.describe()
    assert outcome(plain)[0]
    corpus = {**plain["corpus"], "licence": "another note"}
    assert outcome(plain, corpus=corpus)[0], "notes decide nothing"
    ok, detail = outcome(plain, train={**plain["train"], "dropout": 0.5})
    assert not ok and f"rows {recipe.hash[:12]}, recipe in the metadata" in detail
    ok, detail = outcome(plain, macro={**plain["macro"], "lookahead": 5})
    assert not ok and "macro network is not 'timit-micro'" in detail
    ok, detail = outcome(plain, train={**plain["train"], "dropuot": 0.5})
    assert not ok and "cannot be read" in detail and "dropuot" in detail
    ok, detail = outcome({name: value for name, value in plain.items() if name != "corpus"})
    assert not ok and "cannot be read" in detail


def test_retraining_a_table_of_one_seed_needs_no_noise_where_all_is_equal() -> None:
    one = BenchmarkTable(TABLE.metadata, [r for r in TABLE.measured if r.seed == 1])

    def again(cell: Cell, seed: int) -> TrainingRecord:
        (row,) = [r for r in one.records if (r.cell, r.seed) == (cell.text, seed)]
        return row

    checks = verify_retrained(one, again, 3, np.random.default_rng(0))
    assert {check.detail for check in checks} == {"equal to the bit"}

    def elsewhere(cell: Cell, seed: int) -> TrainingRecord:
        return replace(again(cell, seed), software="other", test_per=0.1)

    with pytest.raises(UserError, match="must have functions with two seeds"):
        list(verify_retrained(one, elsewhere, 1, np.random.default_rng(0)))


def test_retraining_compares_to_the_bit_or_within_noise() -> None:
    def outcome(change: float, then: str, now: str) -> tuple[bool, str]:
        made = [replace(r, software=then) for r in TABLE.records]

        def train(cell: Cell, seed: int) -> TrainingRecord:
            (row,) = [r for r in made if r.cell == cell.text and r.seed == seed]
            curve = tuple(per + change for per in row.val_per_curve)
            return replace(row, val_per_curve=curve, software=now)

        table = BenchmarkTable(TABLE.metadata, made)
        checks = list(verify_retrained(table, train, 3, np.random.default_rng(0)))
        assert len({check.ok for check in checks}) == 1
        return checks[0].ok, checks[0].detail

    here, other = "t=1 cpu=AVX512 processor=a-6-1", "t=1 cpu=AVX512 processor=b-6-1"
    old, older, gpu = "t=1 cpu=AVX512", "t=1", "t=1 device=cuda"
    for then, now in itertools.product((here, other, old, older, gpu), repeat=2):
        assert outcome(0.0, then, now) == (True, "equal to the bit")
        ok, detail = outcome(1e-12, then, now)
        if then == now and then in (here, other):
            assert not ok and "differs, by equal software and processor" in detail
        else:
            assert ok and f"(then {then}; now {now})" in detail
        assert not outcome(0.5, then, now)[0]


def test_a_failed_retraining_is_reported() -> None:
    def fail(cell: Cell, seed: int) -> TrainingRecord:
        (row,) = [r for r in TABLE.measured if r.cell == cell.text and r.seed == seed]
        nan = float("nan")
        return replace(row, status="failed", error="no memory", val_per_curve=(), test_per=nan)

    (check,) = verify_retrained(TABLE, fail, 1, np.random.default_rng(0))
    assert (check.ok, check.detail) == (False, "training ended as failed: no memory")


def test_exports_have_a_row_for_each_training(tmp_path: Path) -> None:
    export_csv(TABLE, tmp_path / "t.csv")
    export_parquet(TABLE, tmp_path / "t.parquet")
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = pq.read_table(tmp_path / "t.parquet").to_pylist()
    assert len(rows) == len(columns) == len(TABLE)
    for row, column, record in zip(rows, columns, TABLE.records, strict=True):
        assert row["functional_key"] == column["functional_key"] == record.functional_key
        if record.status == "ok":
            assert float(row["val_per"]) == column["val_per"] == label_of(record, "val_per")
            assert column["val_per_epoch_6"] == record.val_per_curve[5]
        else:
            assert (row["val_per"], column["val_per"]) == ("", None)


def test_an_export_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("mine")
    with pytest.raises(UserError, match="exists"):
        export_csv(TABLE, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "mine"
    with pytest.raises(UserError, match="cannot write"):
        export_csv(TABLE, tmp_path / "none" / "t.csv")


def test_status_of_a_cell_in_a_table() -> None:
    failed = next(r for r in TABLE.records if r.status != "ok")
    lost = [replace(failed, seed=seed) for seed in (1, 2)]
    table = BenchmarkTable(
        TABLE.metadata,
        [r for r in TABLE.records if r.functional_key != failed.functional_key] + lost,
    )
    assert measurement_status(table, CELL) == "measured"
    assert measurement_status(table, Cell.parse(failed.cell)) == "failed"
    assert measurement_status(table, Cell.parse("51_500_5000")) == "dead"
    assert measurement_status(table, Cell.parse("conv9:1_100_1000")) == "unmeasured"
    with pytest.raises(UserError, match="has failed trainings only of cell"):
        query(table, Cell.parse(failed.cell), seed=1)
