"""Scores on held-out keys: the same splits for all, and numbers that add up."""

from dataclasses import replace

import numpy as np
import pytest

from graph_encoding import TIMIT_MICRO_MACRO, UserError
from surrogate.comparison import SummaryRow
from surrogate.comparison.held_out import (
    HeldOutComparison,
    fit_contenders,
    predict_each_held_out,
)
from surrogate.comparison.plugin import contender
from surrogate.comparison.protocol import PROTOCOLS, planned_splits
from surrogate.comparison.scored_fit import fit_and_ask
from surrogate.data.labelled_graphs import Source
from surrogate.fitting.config import default_fit_config
from surrogate.metrics import kendall_tau, rmse
from surrogate.testing.synthetic import synthetic_dataset

DATA = synthetic_dataset(50)
COMPARISON = HeldOutComparison(
    (DATA,),
    (contender("mean", {}), contender("params", {})),
    repeats=3,
    test_fraction=0.3,
    folds=3,
    level=0.8,
    seed=0,
)


@pytest.fixture(scope="module")
def summary() -> tuple[SummaryRow, ...]:
    return COMPARISON.run()


def value(rows: tuple[SummaryRow, ...], predictor: str, metric: str) -> SummaryRow:
    (found,) = (row for row in rows if (row.predictor, row.metric) == (predictor, metric))
    return found


def test_every_predictor_has_every_metric_over_all_splits(summary: tuple[SummaryRow, ...]) -> None:
    names = {row.metric for row in summary}
    assert {"kendall_tau", "rmse", "coverage_80", "width_80", "crps"} < names
    assert len(summary) == 2 * len(names)
    assert {(row.repeats, row.train_size, row.test_keys) for row in summary} == {(3, 35, 15.0)}


def test_two_sets_of_one_target_are_scored_separately() -> None:
    pair = replace(COMPARISON, datasets=(synthetic_dataset(40), DATA), repeats=1)
    rows = [row for row in pair.run() if row.metric == "rmse"]
    assert [(row.train_size, row.test_keys) for row in rows] == [(28, 12)] * 2 + [(35, 15)] * 2


def test_a_constant_prediction_has_no_rank_correlation(summary: tuple[SummaryRow, ...]) -> None:
    assert value(summary, "mean", "kendall_tau").mean == 0


def test_the_report_of_a_fit_has_the_numbers_of_the_benchmark(
    summary: tuple[SummaryRow, ...],
) -> None:
    """The benchmark divides at random in the same way, so that the fits are the same ones."""
    source = Source("made up", DATA.sorted_by_key(), np.zeros(50, dtype=bool), None)
    params = COMPARISON.contenders[1]
    fits = [
        fit_and_ask(source, split, params, levels=(0.8,), folds=3, seed=0)
        for split in planned_splits(source, PROTOCOLS.get("random"), (35,), 3, 0)
    ]
    expected = {
        "kendall_tau": np.mean([kendall_tau(fit.predicted, fit.measured) for fit in fits]),
        "rmse": np.mean([rmse(fit.predicted, fit.measured) for fit in fits]),
        "width_80": np.mean([fit.high - fit.low for fit in fits]),
    }
    for metric, number in expected.items():
        assert value(summary, "params", metric).mean == pytest.approx(number, rel=1e-12)


def test_every_key_is_predicted_by_a_fit_without_it() -> None:
    ridge = contender("ridge", {})
    fit = predict_each_held_out(DATA, ridge, parts=5, level=0.8, seed=0)
    assert sorted(fit.keys) == sorted(DATA.keys)
    assert fit.low.shape == fit.high.shape == (1, 50)
    # With another label of one key, its own prediction is the same, and others are not.
    values = DATA.values.copy()
    values[7] += 0.05
    other = predict_each_held_out(replace(DATA, values=values), ridge, parts=5, level=0.8, seed=0)
    differs = fit.predicted != other.predicted
    changed = {key for key, different in zip(fit.keys, differs, strict=True) if different}
    assert DATA.keys[7] not in changed
    assert len(changed) >= 30


def test_baselines_count_the_parameters_of_the_tables_own_network() -> None:
    mine = replace(TIMIT_MICRO_MACRO, name="mine")
    stack, params, mean = fit_contenders(default_fit_config(), mine)
    assert (stack.name, params.name, mean.name) == ("stack", "params", "mean")
    assert params.settings.macro == "mine"
    with pytest.raises(UserError, match="'mine' is registered as"):
        fit_contenders(default_fit_config(), replace(mine, lookahead=5))
