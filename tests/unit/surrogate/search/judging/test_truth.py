"""Regret against a truth, its digest, and what the interim truth may know."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graph_encoding.common.errors import UserError
from surrogate.data.targets import VAL_PER, Identity, Target
from surrogate.predictors import RidgePredictor
from surrogate.search import SearchSpace, Truth, TruthRow, interim_truth, read_refined
from surrogate.search.judging.truth import FORECAST, OTHER_SEEDS, REFINED
from surrogate.testing.synthetic import true_per
from tests.unit.surrogate.search.helpers import SMALL, space_table
from train_benchmark.table.benchmark_table import BenchmarkTable

ROOT = Path(__file__).parents[5]
ROWS = tuple(TruthRow(key, mean, 0.01, 2) for key, mean in zip("abcd", (3, 1, 4, 2), strict=True))
WIDER = SearchSpace(nodes=3, ops=("linear", "conv5"))
SCORE = Target("score", "score", "", "maximise", Identity())


def test_regret_is_the_distance_to_the_best_in_either_direction() -> None:
    low, high = Truth(VAL_PER, ROWS), Truth(SCORE, ROWS)
    assert [low.regret(key) for key in "abcd"] == [2, 0, 3, 1]
    assert [high.regret(key) for key in "abcd"] == [1, 3, 0, 2]
    assert low.best(0.5) == {"b", "d"} and high.best(0.5) == {"a", "c"}
    assert low.best(0.01) == {"b"}
    with pytest.raises(UserError, match="every function that a search may find"):
        low.regret("e")
    with pytest.raises(UserError, match="share must be in"):
        low.best(0)


def test_the_digest_depends_on_every_number() -> None:
    changed = [
        Truth(VAL_PER, (replace(ROWS[0], **{name: value}), *ROWS[1:]))
        for name, value in (("mean", 3.5), ("sem", 0.02), ("n_seeds", 3), ("source", FORECAST))
    ]
    digests = {truth.digest for truth in (*changed, Truth(VAL_PER, ROWS), Truth(SCORE, ROWS))}
    assert len(digests) == 6


@pytest.mark.parametrize("rows", [(), ROWS[::-1], (*ROWS, ROWS[-1])])
def test_a_truth_has_each_function_once(rows: tuple[TruthRow, ...]) -> None:
    with pytest.raises(UserError, match="one row for each function"):
        Truth(VAL_PER, rows)


def test_rows_may_come_in_any_order_but_once() -> None:
    assert Truth.of_rows(VAL_PER, ROWS[::-1]).digest == Truth(VAL_PER, ROWS).digest
    with pytest.raises(UserError, match="one row for each function"):
        Truth.of_rows(VAL_PER, (*ROWS, ROWS[0]))


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_refined_rows_take_the_place_of_estimates(suffix: str, tmp_path: Path) -> None:
    plain = [{"key": "c", "mean": 0.5, "sem": 0.004, "n_seeds": 6}]
    path = tmp_path / f"refined{suffix}"
    if suffix == ".json":
        path.write_text(json.dumps(plain))
    else:
        pq.write_table(pa.Table.from_pylist(plain), path)
    truth = Truth(VAL_PER, ROWS).refined(read_refined(path))
    assert truth.best(0.25) == {"c"}
    assert truth.rows[2] == TruthRow("c", 0.5, 0.004, 6, REFINED)
    with pytest.raises(UserError, match="1 are not, such as 'z'"):
        truth.refined([TruthRow("z", 1.0, 0.0, 1)])


def test_a_file_without_a_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "refined.json").write_text('[{"key": "c", "mean": 0.5}]')
    with pytest.raises(UserError, match="must have rows with key, mean, sem, n_seeds"):
        read_refined(tmp_path / "refined.json")


def test_a_file_that_repeats_a_function_is_refused(tmp_path: Path) -> None:
    row = {"key": "c", "mean": 0.5, "sem": 0.004, "n_seeds": 6}
    (tmp_path / "rows.json").write_text(json.dumps([row, {**row, "mean": 0.6}]))
    with pytest.raises(UserError, match=r"rows.json must have one row .* such as 'c'"):
        read_refined(tmp_path / "rows.json")


def test_the_interim_truth_does_not_know_a_seed_that_searches_see() -> None:
    """Other labels of the seen seed of one function do not move that function's own truth."""
    table = space_table(noise=0.003)
    key = table.keys[5]
    changed = [
        replace(r, val_per_curve=(1.0, *[0.2] * 5)) if (r.functional_key, r.seed) == (key, 1) else r
        for r in table.records
    ]
    lucky = BenchmarkTable(table.metadata, changed)
    one, other = (truth_of(t) for t in (table, lucky))
    assert one.cost_of[key] == pytest.approx(other.cost_of[key], abs=2e-3)
    assert abs(one.cost_of[key] - 0.2) > 0.1


def truth_of(table: BenchmarkTable, space: SearchSpace = SMALL) -> Truth:
    return interim_truth(
        table, VAL_PER, space, seen_seeds=(1,), predictor=RidgePredictor(), folds=3
    )


def test_the_interim_truth_is_nearer_than_the_trainings_and_names_its_sources() -> None:
    noise = 0.01
    table = space_table(WIDER, noise=noise)
    records = [r for r in table.records if r.seed == 1 or hash_of(r.functional_key) % 4]
    truth = truth_of(BenchmarkTable(table.metadata, records), WIDER)
    counts = truth.counts_by_source()
    assert counts[FORECAST] + counts[OTHER_SEEDS] == len(WIDER.functions)
    assert min(counts.values()) > 30
    graph_of = dict(zip(WIDER.functions.keys, WIDER.functions.graphs, strict=True))
    trained = [row for row in truth.rows if row.source == OTHER_SEEDS]
    assert {row.n_seeds for row in trained} == {2}
    errors = np.array([row.mean - true_per(graph_of[row.key]) for row in trained])
    assert np.sqrt((errors**2).mean()) < noise / np.sqrt(2)


def test_what_seeds_add_to_all_functions_orders_none() -> None:
    """The best functions, trained with bad seeds of their own, keep their place."""
    table = space_table(WIDER, seeds=(1, 2, 3, 4))
    labels = {key: table.labels_of(key, "val_per")[1] for key in table.keys}
    best = sorted(labels, key=labels.__getitem__)[:120]
    own = [r for r in table.records if r.seed < 3 or r.functional_key in best]
    shifted = [
        replace(r, val_per_curve=(1.0, *[per + 0.05 for per in r.val_per_curve[1:]]))
        if r.seed >= 3
        else r
        for r in own
    ]
    one, other = (truth_of(BenchmarkTable(table.metadata, rows), WIDER) for rows in (own, shifted))
    moved = np.array([other.cost_of[key] - one.cost_of[key] for key in table.keys])
    assert np.ptp(moved) < 0.01
    assert np.abs(moved).max() > 0.02


def test_with_few_unseen_seeds_the_forecasts_are_the_truth() -> None:
    table = space_table(seeds=(1, 2))
    assert truth_of(table).counts_by_source() == {FORECAST: len(SMALL.functions)}


def hash_of(key: str) -> int:
    return sum(key.encode())


def test_a_table_that_lacks_a_function_is_refused() -> None:
    table = space_table()
    records = [r for r in table.records if r.functional_key != table.keys[0]]
    with pytest.raises(UserError, match="lacks 1, such as"):
        truth_of(BenchmarkTable(table.metadata, records))


def test_the_shipped_truth_has_every_function_and_as_many_seeds_as_its_page_says() -> None:
    rows = read_refined(ROOT / "configs/search/timit-micro-truth.parquet")
    functions = SearchSpace().functions
    assert {row.key for row in rows} == set(functions.keys)
    seeds = [row.n_seeds for row in rows]
    refined, forecast = sum(n >= 5 for n in seeds), seeds.count(0)
    page = (ROOT / "docs/guides/search.md").read_text("utf-8")
    assert f"{refined} functions were trained with at least five seeds" in page
    assert f"{len(rows) - refined - forecast:,}\nhave one to four such trainings" in page
    assert f"{forecast:,} rest on their forecast alone" in page
