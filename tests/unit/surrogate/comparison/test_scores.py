"""Scores of a fit, its groups, and the noise ceiling, against numbers known otherwise."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding import UserError
from surrogate.comparison.ceiling import noise_ceilings
from surrogate.comparison.fit_result import FitResult, percent, read_fit, write_fit
from surrogate.comparison.scores import POINT_METRICS, groups_of, metrics_of, score_rows
from surrogate.comparison.summary import summarise
from surrogate.data.labelled_graphs import Source
from surrogate.data.targets import VAL_PER, FloatArray, Identity, LogScale, Target
from surrogate.metrics import kendall_tau, spearman_rho
from surrogate.testing.synthetic import synthetic_dataset

PLAIN = Target("gain", "gain", "dB", "maximise", Identity())


def fit_of(measured: FloatArray, predicted: FloatArray, target: Target = PLAIN) -> FitResult:
    """A fit with intervals of -+ 1 and -+ 2 around its answers."""
    m = len(measured)
    return FitResult(
        protocol="random",
        detail="",
        train_size=20,
        repeat=0,
        predictor="made up",
        keys=tuple(f"k{i}" for i in range(m)),
        measured=measured,
        predicted=predicted,
        model_mean=target.transform.to_model(predicted),
        model_std=np.ones(m),
        nodes=np.arange(m) % 3,
        novel_nodes=np.arange(m) % 2,
        levels=(0.5, 0.9),
        low=np.array([predicted - 1, predicted - 2]),
        high=np.array([predicted + 1, predicted + 2]),
        fit_seconds=1.5,
        calibration_seconds=2.5,
        query_microseconds=3.5,
    )


FIT = fit_of(np.arange(20.0), np.arange(20.0)[::-1])


def scores_of(fit: FitResult, target: Target = PLAIN) -> dict[tuple[str, str], float]:
    metrics = metrics_of(target, fit.levels)
    rows = score_rows(fit, metrics, source="made up", target=target)
    return {(row.metric, row.group): row.value for row in rows}


def test_scores_of_answers_in_the_wrong_order() -> None:
    scores = scores_of(FIT)
    assert scores["kendall_tau", ""] == pytest.approx(-1)
    assert scores["precision_at_10", ""] == 0
    assert scores["regret", ""] == 19
    assert scores["width_90", ""] == 4
    # |2 i - 19| is 1 for two of the twenty keys, and the next are 3 apart.
    assert scores["coverage_50", ""] == scores["coverage_90", ""] == pytest.approx(0.1)
    assert scores["coverage_50", "forecast fifth 1 of 5"] == 0
    assert scores["coverage_90", "forecast fifth 3 of 5"] == pytest.approx(0.5)
    assert scores["fit_seconds", ""] == 1.5
    assert scores["query_microseconds", ""] == 3.5


def test_the_best_end_is_the_targets() -> None:
    """Answers that are right at the high end only find the best of what is maximised."""
    predicted = np.array([*np.zeros(10), *np.arange(10.0, 20.0)])
    fit = fit_of(np.arange(20.0), predicted)
    assert scores_of(fit)["regret", ""] == 0
    minimised = Target("loss", "loss", "dB", "minimise", Identity())
    assert scores_of(fit, minimised)["regret", ""] == pytest.approx(4.5)
    assert scores_of(fit)["precision_at_1pct", ""] == 1
    assert scores_of(fit, minimised)["precision_at_1pct", ""] == pytest.approx(0.1)


def test_labels_beyond_the_clip_can_be_covered() -> None:
    measured, predicted = np.array([1.4, 0.5]), np.array([0.985, 0.5])
    fit = fit_of(measured, predicted, VAL_PER)
    ends = np.array([[0.97, 0.4], [0.96, 0.3]]), np.array([[0.995, 0.6], [0.996, 0.7]])
    scores = scores_of(replace(fit, low=ends[0], high=ends[1]), VAL_PER)
    assert scores["coverage_90", ""] == 1


def test_fifths_and_kinds_hold_every_key_once() -> None:
    groups = dict(groups_of(FIT, PLAIN))
    for kind, count in (("forecast", 5), ("operations", 3), ("polated", 2)):
        masks = [mask for name, mask in groups.items() if kind in name]
        assert len(masks) == count
        assert (np.sum(masks, axis=0) == 1).all()
    assert FIT.predicted[groups["forecast fifth 1 of 5"]].max() == 3


def test_collapsed_cells_are_told_apart_where_the_label_is_an_error_rate() -> None:
    measured = np.linspace(0.5, 1.0, 20)
    groups = dict(groups_of(fit_of(measured, measured, VAL_PER), VAL_PER))
    np.testing.assert_array_equal(groups["collapsed"], measured > 0.9)
    assert "collapsed" not in dict(groups_of(fit_of(measured, measured), PLAIN))


def test_a_constant_forecast_has_no_fifths() -> None:
    groups = dict(groups_of(fit_of(np.arange(20.0), np.ones(20)), PLAIN))
    assert not [name for name in groups if "fifth" in name]


def test_metrics_have_distinct_names_and_units() -> None:
    metrics = metrics_of(PLAIN, (0.5, 0.975))
    assert len({metric.name for metric in metrics}) == len(metrics)
    units = {metric.name: metric.unit for metric in metrics}
    assert units["rmse"] == units["regret"] == units["width_97.5"] == "dB"
    assert {metric.better for metric in metrics} == {"higher", "lower", "nominal"}
    assert percent(0.95) == "95"


def test_a_fit_survives_its_file(tmp_path: Path) -> None:
    write_fit(FIT, tmp_path / "a.parquet")
    again = read_fit(tmp_path / "a.parquet")
    for name, value in FIT.__dict__.items():
        np.testing.assert_array_equal(getattr(again, name), value)
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("no")
    with pytest.raises(UserError, match="remove it and run again"):
        read_fit(tmp_path / "a.parquet")


DATA = synthetic_dataset(60).sorted_by_key()
NOWHERE = np.zeros(60, dtype=bool)
ALL = np.arange(60)


def test_two_seeds_are_each_others_ceiling() -> None:
    rng = np.random.default_rng(0)
    labels = DATA.values[:, None] + rng.normal(0, 0.02, (60, 2))
    found = noise_ceilings(Source("made up", DATA, NOWHERE, labels), ALL, 0)
    assert set(found) == set(POINT_METRICS)
    tau, rho = found["kendall_tau"], found["spearman_rho"]
    assert tau.value == pytest.approx(kendall_tau(labels[:, 0], labels[:, 1]))
    assert rho.value == pytest.approx(spearman_rho(labels[:, 0], labels[:, 1]))
    assert tau.low < tau.value < tau.high
    assert (tau.keys, tau.seeds) == (60, 1)
    assert found["rmse"].perfect is None


def test_keys_with_one_seed_say_nothing_of_the_noise() -> None:
    labels = np.full((60, 3), np.nan)
    labels[:, 0] = DATA.values
    labels[:20, 2] = DATA.values[:20][::-1]
    found = noise_ceilings(Source("made up", DATA, NOWHERE, labels), ALL, 0)
    assert found["kendall_tau"].keys == 20
    assert found["kendall_tau"].value == pytest.approx(
        kendall_tau(DATA.values[:20], DATA.values[:20][::-1])
    )
    labels[9:, 2] = np.nan
    assert noise_ceilings(Source("made up", DATA, NOWHERE, labels), ALL, 0) == {}
    assert noise_ceilings(Source("made up", DATA, NOWHERE, None), ALL, 0) == {}


def test_the_ceiling_is_that_of_the_keys_tested_on() -> None:
    rng = np.random.default_rng(0)
    labels = DATA.values[:, None] + rng.normal(0, 0.02, (60, 2))
    labels[40:, 1] = np.nan
    counts = np.where(ALL < 20, 4, 1)
    source = Source("made up", replace(DATA, seed_counts=counts), NOWHERE, labels)
    first, middle = (noise_ceilings(source, ALL[a : a + 20], 0) for a in (0, 20))
    assert first["kendall_tau"].value == pytest.approx(kendall_tau(*labels[:20].T))
    assert middle["kendall_tau"].value == pytest.approx(kendall_tau(*labels[20:40].T))
    # Nine keys with a second seed are too few, and those that are not tested on count for nothing.
    assert noise_ceilings(source, ALL[31:], 0) == {}
    assert noise_ceilings(source, ALL[40:], 0) == {}
    single = noise_ceilings(replace(source, dataset=DATA), ALL[:20], 0)["kendall_tau"].perfect
    of_four = first["kendall_tau"].perfect
    assert single is not None and of_four is not None and of_four > single


@pytest.mark.parametrize("means_of", [1, 4])
def test_the_perfect_ceiling_is_what_the_true_means_score(means_of: int) -> None:
    """Known truth: labels are means of some seeds, the ceiling sees three other ones."""
    data = synthetic_dataset(600).sorted_by_key()
    rng = np.random.default_rng(1)
    truth = rng.normal(0, 1, len(data))
    seeds = truth[:, None] + rng.normal(0, 0.8, (len(data), 3))
    counts = np.full(len(data), means_of)
    labels = truth + rng.normal(0, 0.8, (len(data), means_of)).mean(axis=1)
    source = Source(
        "made up",
        replace(data, target=PLAIN, values=labels, seed_counts=counts),
        np.zeros(len(data), dtype=bool),
        seeds,
    )
    found = noise_ceilings(source, np.arange(len(data)), 0)
    for name, score in (("kendall_tau", kendall_tau), ("spearman_rho", spearman_rho)):
        perfect = found[name].perfect
        assert perfect == pytest.approx(score(truth, labels), abs=0.04)
        assert perfect is not None and perfect > found[name].value


def test_a_log_scale_turns_ratios_into_differences() -> None:
    z = LogScale().to_model(np.array([1.0, 10.0, 100.0]))
    assert z[2] - z[1] == pytest.approx(z[1] - z[0])
    np.testing.assert_allclose(LogScale().to_raw(z), [1, 10, 100])
    np.testing.assert_allclose(LogScale().raw_slope(z), [1, 10, 100])
    assert LogScale().to_raw(np.array([-np.inf, 1e9])).tolist() == [0.0, np.inf]
    with pytest.raises(UserError, match="> 0"):
        LogScale().to_model(np.array([1.0, 0.0]))


def test_the_identity_changes_nothing() -> None:
    values = np.array([-1.0, 0.0, 2.5])
    for mapped in (Identity().to_model(values), Identity().to_raw(values)):
        assert mapped.tolist() == values.tolist()
    assert Identity().raw_slope(values).tolist() == [1.0, 1.0, 1.0]


@given(
    st.lists(
        st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=3, max_size=12, unique=True
    ),
    st.lists(st.floats(0, 1e3), min_size=2, max_size=4),
)
def test_intervals_are_within_what_their_metric_can_be(
    pairs: list[tuple[float, float]], seconds: list[float]
) -> None:
    predicted, measured = np.array(pairs).T
    metrics = metrics_of(PLAIN, FIT.levels)
    bounds = {metric.name: metric.bounds for metric in metrics}
    rows = []
    for repeat, time in enumerate(seconds):
        turned = predicted if repeat % 2 else measured  # good and bad repeats: wide intervals
        fit = replace(fit_of(measured, turned), repeat=repeat, fit_seconds=time)
        rows += score_rows(fit, metrics, source="made up", target=PLAIN)
    summary = summarise(rows, [], metrics, {"random": {}}, target=PLAIN, seed=0)
    assert {row.metric for row in summary} == set(bounds)
    for row in summary:
        assert row.low is not None and row.high is not None
        low, high = bounds[row.metric]
        assert low <= row.low <= row.mean + 1e-9 * abs(row.mean), row.metric
        assert row.mean - 1e-9 * abs(row.mean) <= row.high <= high, row.metric
