"""Runs of a benchmark: complete, the same for all, resumable, and without leaks."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from graph_encoding import CellGraph, GraphRow, write_graphs
from graph_encoding.common.errors import UserError
from surrogate.comparison import (
    BenchmarkConfig,
    BenchmarkResult,
    benchmark_config,
    run_benchmark,
)
from surrogate.comparison.config import ProtocolConfig
from surrogate.comparison.scored_fit import timed_answers
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.prediction import Prediction
from surrogate.predictors.base import Arrays, Predictor
from surrogate.testing.synthetic import synthetic_dataset, synthetic_table, true_per

HERE = "tests.unit.surrogate.comparison.test_run"
FAST = {"xgb": {"members": 2, "rounds": 40}}


@dataclass(frozen=True)
class NoSettings:
    pass


class TruthPredictor(Predictor):
    """Knows the function that the labels were made of."""

    name = "truth"
    settings_type = NoSettings

    def _fit(self, dataset: SurrogateDataset, rng: np.random.Generator) -> None:  # noqa: ARG002
        self._transform = dataset.target.transform

    def _predict(self, graphs: Sequence[CellGraph]) -> Prediction:
        raw = np.array([true_per(graph) for graph in graphs])
        return Prediction(self._transform.to_model(raw), np.zeros(len(raw)))

    def _learned(self) -> Arrays:
        return {}

    def _restore(self, arrays: Arrays, documents: object) -> None:
        raise NotImplementedError


@pytest.fixture(scope="module")
def graph_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """80 graphs whose labels are a function of the graph, without noise."""
    path = tmp_path_factory.mktemp("graphs") / "made-up.jsonl"
    graphs = synthetic_dataset(80).graphs
    write_graphs(
        path, [GraphRow(g, {"per": true_per(g), "gain": -true_per(g)}, {}) for g in graphs]
    )
    return path


def config_of(graph_file: Path, **changed: object) -> BenchmarkConfig:
    return benchmark_config(
        {
            "source": {"graphs": graph_file, "direction": "minimise"},
            "target": "per",
            "train_sizes": [20, 40],
            "repeats": 2,
            "predictors": ["xgb", "mean"],
            "settings": FAST,
            **changed,
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("benchmark")


@pytest.fixture(scope="module")
def result(graph_file: Path, folder: Path) -> BenchmarkResult:
    protocols: dict[str, object] = {"random": {}, "leave-operation-out": {"train_sizes": [20]}}
    return run_benchmark(config_of(graph_file, protocols=protocols), folder)


def values_of(result: BenchmarkResult, metric: str, predictor: str) -> list[float]:
    return [
        row.value
        for row in result.scores
        if (row.metric, row.predictor, row.group) == (metric, predictor, "")
    ]


def test_every_predictor_is_asked_the_same(result: BenchmarkResult) -> None:
    asked: dict[str, list[tuple[object, ...]]] = {}
    for fit in result.fits:
        place = (fit.protocol, fit.detail, fit.train_size, fit.repeat, fit.keys)
        asked.setdefault(fit.predictor, []).append(place)
    assert asked["xgb"] == asked["mean"]
    # Two sizes at random, and one without each of the five operations; two repeats of each.
    assert len(asked["xgb"]) == 2 * (2 + 5)


def test_every_fit_has_every_metric(result: BenchmarkResult) -> None:
    names = {metric.name for metric in result.metrics}
    assert {"kendall_tau", "regret", "nll", "crps", "coverage_95", "width_50"} < names
    rows = [row for row in result.scores if not row.group]
    assert len(rows) == len(names) * len(result.fits)
    assert all(np.isfinite(row.value) for row in result.scores)


def test_files_say_what_the_result_says(result: BenchmarkResult, folder: Path) -> None:
    assert pq.read_table(folder / "scores.parquet").to_pylist() == [
        row.__dict__ for row in result.scores
    ]
    assert pq.read_table(folder / "summary.parquet").num_rows == len(result.summary)
    written = json.loads((folder / "config.json").read_text())
    assert written["settings"]["xgb"]["members"] == 2
    assert written["keys"] == 80
    answers = pq.read_table(folder / "fits")
    assert answers.num_rows == sum(len(fit.keys) for fit in result.fits)
    assert not list(folder.rglob("*.partial"))


def test_summaries_average_repeats_and_divisions(result: BenchmarkResult) -> None:
    tau = {
        (s.protocol, s.detail, s.train_size): s
        for s in result.summary
        if (s.metric, s.predictor, s.group) == ("kendall_tau", "xgb", "")
    }
    means = [tau["leave-operation-out", op, 20].mean for op in ("linear", "conv5", "conv5d2")]
    means += [tau["leave-operation-out", op, 20].mean for op in ("conv7", "conv7d2")]
    whole = tau["leave-operation-out", "mean of all", 20]
    assert whole.mean == pytest.approx(np.mean(means))
    assert whole.interval == "Student's t over 2 repeats"
    assert tau["random", "", 40].ceiling is None


def test_trees_order_what_they_have_not_seen_and_a_constant_does_not(
    result: BenchmarkResult,
) -> None:
    tau = [
        row.mean
        for row in result.summary
        if (row.protocol, row.metric, row.predictor) == ("random", "kendall_tau", "xgb")
    ]
    assert len(tau) == 2
    assert min(tau) > 0.1
    assert set(values_of(result, "kendall_tau", "mean")) == {0.0}


def test_running_again_fits_nothing_and_says_the_same(
    result: BenchmarkResult, folder: Path
) -> None:
    seen: list[tuple[int, int, int]] = []
    again = run_benchmark(result.config, folder, on_progress=lambda *state: seen.append(state))
    assert seen == [(len(result.fits), len(result.fits), 0)]
    assert again.scores == result.scores
    assert again.summary == result.summary


def test_an_interrupted_run_keeps_what_is_done(graph_file: Path, tmp_path: Path) -> None:
    config = config_of(graph_file)

    def stop_after_three(_done: int, _total: int, new: int) -> None:
        if new == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_benchmark(config, tmp_path, on_progress=stop_after_three)
    assert len(list((tmp_path / "fits").glob("*.parquet"))) == 3
    seen: list[tuple[int, int, int]] = []
    resumed = run_benchmark(config, tmp_path, on_progress=lambda *state: seen.append(state))
    assert seen[0] == (3, 8, 0)
    assert seen[-1] == (8, 8, 5)
    straight = run_benchmark(config, tmp_path / "other")
    for metric in ("kendall_tau", "crps", "coverage_90", "width_95"):
        for name in ("xgb", "mean"):
            assert values_of(resumed, metric, name) == values_of(straight, metric, name)


def test_a_folder_holds_one_benchmark(graph_file: Path, tmp_path: Path) -> None:
    small = config_of(graph_file, predictors=["mean"], settings={})
    run_benchmark(small, tmp_path)
    before = (tmp_path / "scores.parquet").read_bytes()
    with pytest.raises(UserError, match=r"seed: 0, and of this run 1"):
        run_benchmark(small.model_copy(update={"seed": 1}), tmp_path)
    for fewer in ({"repeats": 1}, {"train_sizes": (20,)}, {"predictors": ("params",)}):
        with pytest.raises(UserError, match=r"scores of [24] fits \(of 4\) .* such as mean on"):
            run_benchmark(small.model_copy(update=fewer), tmp_path)
    assert (tmp_path / "scores.parquet").read_bytes() == before


def test_more_of_the_same_goes_on_with_a_folder(graph_file: Path, tmp_path: Path) -> None:
    config = config_of(graph_file, predictors=["mean"], settings={}, repeats=1, train_sizes=[20])
    run_benchmark(config, tmp_path)
    sized = ProtocolConfig(train_sizes=(20,))
    more = (
        {"repeats": 2},
        {"train_sizes": (20, 40)},
        {"predictors": ("mean", "params")},
        {"protocols": {**config.protocols, "leave-operation-out": sized}},
    )
    started: list[tuple[int, int]] = []

    def at_start(done: int, total: int, new: int) -> None:
        if not new:
            started.append((done, total))

    for change in more:
        config = config.model_copy(update=change)
        run_benchmark(config, tmp_path, on_progress=at_start)
    assert started == [(1, 2), (2, 4), (4, 8), (8, 8 + 5 * 4)]


def test_a_run_that_was_stopped_keeps_its_folder(graph_file: Path, tmp_path: Path) -> None:
    """It has no scores yet that could be hidden, so that fewer predictors may go on with it."""
    config = config_of(graph_file)

    def stop(_done: int, _total: int, new: int) -> None:
        if new:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_benchmark(config, tmp_path, on_progress=stop)
    changed = config.model_copy(update={"settings": {"xgb": {"members": 2, "rounds": 41}}})
    with pytest.raises(UserError, match="settings of xgb"):
        run_benchmark(changed, tmp_path)
    fewer = config.model_copy(update={"predictors": ("mean",), "settings": {}})
    assert len(run_benchmark(fewer, tmp_path).fits) == 4


def test_an_edited_graph_of_the_same_key_and_label_is_another_benchmark(
    graph_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "graphs.jsonl"
    path.write_text(graph_file.read_text())
    small = config_of(path, predictors=["mean"], settings={}, train_sizes=[20], repeats=1)
    run_benchmark(small, tmp_path / "out")
    rows = [json.loads(line) for line in graph_file.read_text().splitlines()]
    for row in rows:
        row["ops"] = [op.replace("conv7d2", "linear") for op in row["ops"]]
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(UserError, match="source_sha256"):
        run_benchmark(small, tmp_path / "out")


@pytest.mark.slow
def test_processes_change_no_number(
    graph_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    config = config_of(graph_file, repeats=1, predictors=["xgb"])
    alone = run_benchmark(config, tmp_path / "alone")
    together = run_benchmark(config, tmp_path / "together", workers=2)
    for a, b in zip(alone.fits, together.fits, strict=True):
        assert a.keys == b.keys
        np.testing.assert_array_equal(a.model_mean, b.model_mean)
        np.testing.assert_array_equal(a.low, b.low)


def test_one_repeat_is_sure_by_a_bootstrap_over_keys(graph_file: Path, tmp_path: Path) -> None:
    result = run_benchmark(config_of(graph_file, repeats=1, train_sizes=[40]), tmp_path)
    rows = {s.metric: s for s in result.summary if s.predictor == "xgb" and not s.group}
    tau = rows["kendall_tau"]
    assert tau.interval == "bootstrap over 40 test keys"
    assert tau.low is not None and tau.high is not None
    assert tau.low < tau.mean < tau.high
    assert (rows["fit_seconds"].low, rows["fit_seconds"].interval) == (
        None,
        "none: a single repeat",
    )
    small = [s for s in result.summary if s.group == "forecast fifth 1 of 5"]
    assert {s.interval for s in small} == {"none: too few test keys"}


def test_who_knows_the_truth_scores_perfectly(graph_file: Path, tmp_path: Path) -> None:
    config = config_of(graph_file, predictors=[f"{HERE}:TruthPredictor"], settings={})
    result = run_benchmark(config, tmp_path)
    (name,) = config.predictors
    for metric in ("kendall_tau", "spearman_rho", "r2", "precision_at_10", "coverage_50"):
        assert values_of(result, metric, name) == pytest.approx([1.0] * 4)
    assert values_of(result, "regret", name) == [0.0] * 4


def test_what_is_maximised_is_selected_from_the_other_end(graph_file: Path, tmp_path: Path) -> None:
    """The same labels with the other sign and direction give the same selection."""
    down = run_benchmark(config_of(graph_file, predictors=["mean"], settings={}), tmp_path / "down")
    source = {"graphs": graph_file, "direction": "maximise"}
    up_config = config_of(
        graph_file, source=source, target="gain", predictors=["mean"], settings={}
    )
    up = run_benchmark(up_config, tmp_path / "up")
    for metric in ("regret", "precision_at_10", "precision_at_1pct"):
        assert values_of(up, metric, "mean") == pytest.approx(values_of(down, metric, "mean"))


@pytest.mark.slow
def test_shuffled_labels_teach_nothing(tmp_path: Path) -> None:
    """A leak from the test keys would show as an order where there is none to be known."""
    data = synthetic_dataset(120)
    shuffled = np.random.default_rng(5).permutation(data.values)
    path = tmp_path / "shuffled.jsonl"
    rows = zip(data.graphs, shuffled.tolist(), data.values.tolist(), strict=True)
    write_graphs(path, [GraphRow(g, {"per": y, "true": z}, {}) for g, y, z in rows])
    taus = {}
    for target in ("per", "true"):
        config = config_of(path, target=target, train_sizes=[60], repeats=6, predictors=["xgb"])
        taus[target] = values_of(run_benchmark(config, tmp_path / target), "kendall_tau", "xgb")
    # Of 60 keys without order, tau has a standard deviation of sqrt(2 (2n + 5) / 9 n (n - 1)).
    noise = np.sqrt(2 * 125 / (9 * 60 * 59))
    assert abs(np.mean(taus["per"])) < 1.5 * noise
    assert np.mean(taus["true"]) > 4 * noise


def test_a_query_is_asked_once_and_timed() -> None:
    data = synthetic_dataset(23)
    asked: list[str] = []

    class Counting(TruthPredictor):
        def _predict(self, graphs: Sequence[CellGraph]) -> Prediction:
            asked.extend(graph.key for graph in graphs)
            return super()._predict(graphs)

    predictor = Counting().fit(data, np.random.default_rng(0))
    prediction, microseconds = timed_answers(predictor, data.graphs)
    assert asked == list(data.keys)
    assert len(prediction) == 23
    assert microseconds > 0


def test_a_table_comes_with_its_noise_ceiling(tmp_path: Path) -> None:
    synthetic_table(60).save(tmp_path / "table")
    config = benchmark_config(
        {
            "source": {"table": str(tmp_path / "table")},
            "target": "val_per",
            "train_sizes": [30],
            "repeats": 2,
            "predictors": ["mean"],
        }
    )
    result = run_benchmark(config, tmp_path / "out")
    (tau,) = [s for s in result.summary if s.metric == "kendall_tau" and not s.group]
    assert tau.ceiling is not None and tau.ceiling_low is not None
    assert tau.ceiling_perfect is not None
    assert tau.ceiling_low < tau.ceiling < tau.ceiling_perfect < 1
    groups = {s.group for s in result.summary}
    assert {"not collapsed", "interpolated"} < groups


def test_a_ceiling_is_that_of_the_keys_that_a_protocol_tests_on(tmp_path: Path) -> None:
    """Extended keys of one seed have no ceiling, and those of two seeds lend them none."""
    synthetic_table(60).save(tmp_path / "table")
    synthetic_table(40, seeds=(1,), start=9).save(tmp_path / "more")
    config = benchmark_config(
        {
            "source": {"table": str(tmp_path / "table"), "extended": str(tmp_path / "more")},
            "target": "val_per",
            "train_sizes": [30],
            "repeats": 2,
            "predictors": ["mean"],
            "protocols": {"random": {}, "extended": {}},
        }
    )
    result = run_benchmark(config, tmp_path / "out")
    assert result.ceilings["extended"] == {}
    tested = {key for fit in result.fits if fit.protocol == "random" for key in fit.keys}
    assert 30 < result.ceilings["random"]["kendall_tau"].keys == len(tested)
    rows = [s for s in result.summary if s.metric == "kendall_tau" and not s.group]
    assert {s.protocol: s.ceiling is None for s in rows} == {"random": False, "extended": True}
    written = json.loads((tmp_path / "out" / "config.json").read_text())["noise_ceilings"]
    assert {ceiling["protocol"] for ceiling in written} == {"random"}


def test_extended_keys_come_from_a_second_file(graph_file: Path, tmp_path: Path) -> None:
    more = synthetic_dataset(40, start=9).graphs
    path = tmp_path / "more.jsonl"
    write_graphs(path, [GraphRow(g, {"per": true_per(g), "gain": 0.0}, {}) for g in more])
    source = {"graphs": graph_file, "direction": "minimise", "extended": str(path)}
    config = config_of(
        graph_file, source=source, protocols={"extended": {}, "random": {}}, predictors=["mean"],
        settings={},
    )  # fmt: skip
    result = run_benchmark(config, tmp_path / "out")
    first = set(synthetic_dataset(80).keys)
    for fit in result.fits:
        assert (first & set(fit.keys) == set()) == (fit.protocol == "extended")
        assert len(fit.keys) >= 10
