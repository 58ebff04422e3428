"""Fits of each predictor, besides the laws that hold for all."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graph_encoding.common.errors import UnknownNameError, UserError
from graph_encoding.cost import params_of_graph
from graph_encoding.macro import TIMIT_MICRO_MACRO
from surrogate.data.dataset import SurrogateDataset
from surrogate.metrics import kendall_tau
from surrogate.predictors import (
    PREDICTORS,
    CostSettings,
    GnnSettings,
    MeanPredictor,
    ParamsPredictor,
    XgbPredictor,
    XgbSettings,
    load_predictor,
    vocabulary,
)
from surrogate.predictors.scaling import NormalScoreScale
from surrogate.testing.synthetic import synthetic_dataset

FAST = XgbSettings(members=3, rounds=100)


def test_mean_predictor_known_answer(dataset: SurrogateDataset) -> None:
    prediction = MeanPredictor().fit(dataset, np.random.default_rng(0)).predict(dataset.graphs[:1])
    assert prediction.mean[0] == pytest.approx(dataset.model_values.mean())
    assert prediction.std[0] == pytest.approx(dataset.model_values.std(ddof=1))


def test_params_predictor_learns_which_way_size_points(dataset: SurrogateDataset) -> None:
    sizes = np.array([params_of_graph(graph, TIMIT_MICRO_MACRO) for graph in dataset.graphs])
    falling = replace(dataset, values=0.9 - 1e-6 * sizes)
    predictor = ParamsPredictor().fit(falling, np.random.default_rng(0))
    assert kendall_tau(predictor.predict(dataset.graphs).mean, falling.values) == pytest.approx(1)


def test_trees_overfit_a_tiny_set() -> None:
    data = synthetic_dataset(12)
    loose = XgbSettings(
        members=2, bag_fraction=1, subsample=1, reg_lambda=0, min_child_weight=0, max_depth=6
    )
    prediction = XgbPredictor(loose).fit(data, np.random.default_rng(0)).predict(data.graphs)
    assert kendall_tau(prediction.mean, data.values) > 0.9


def test_trees_beat_the_baselines_on_unseen_cells() -> None:
    data = synthetic_dataset(300)
    train, test = data.subset(range(150)), data.subset(range(150, 300))
    taus = {
        predictor.name: kendall_tau(
            predictor.fit(train, np.random.default_rng(0)).predict(test.graphs).mean, test.values
        )
        for predictor in (MeanPredictor(), ParamsPredictor(), XgbPredictor(FAST))
    }
    assert taus["mean"] == 0
    assert taus["xgb"] > taus["params"] + 0.1


def test_collapsed_cells_do_not_rule_the_fit() -> None:
    data = synthetic_dataset(200)
    values = data.values.copy()
    values[:4] = 1.3
    spoilt = replace(data, values=values)
    clean, bad = (
        XgbPredictor(FAST).fit(d, np.random.default_rng(0)).predict(data.graphs[4:]).mean
        for d in (data, spoilt)
    )
    assert np.abs(clean - bad).mean() < 0.3 * np.std(data.model_values)


def test_constant_labels_are_learned_as_they_are(dataset: SurrogateDataset) -> None:
    flat = replace(dataset, values=np.full(len(dataset), 0.5))
    prediction = XgbPredictor(FAST).fit(flat, np.random.default_rng(0)).predict(dataset.graphs)
    np.testing.assert_allclose(prediction.mean, 0.0, atol=1e-6)


def test_scores_of_a_normal_sample_are_the_sample_itself() -> None:
    sample = np.random.default_rng(0).normal(3, 2, 20_000)
    scale = NormalScoreScale.of(sample)
    inner = sample[np.abs(sample - 3) < 4]
    np.testing.assert_allclose(scale.forward(inner), (inner - 3) / 2, atol=0.1)


def test_scores_do_not_know_how_far_off_the_last_one_lies() -> None:
    values = np.arange(100.0)
    far = np.append(values[:-1], 1e9)
    near, spoilt = NormalScoreScale.of(values), NormalScoreScale.of(far)
    np.testing.assert_allclose(near.forward(values[:99]), spoilt.forward(values[:99]))


@settings(max_examples=50)
@given(
    values=st.lists(st.floats(-1e3, 1e3).map(lambda x: round(x, 3)), min_size=1, max_size=300),
    asked=st.lists(st.floats(-5, 5), min_size=1, max_size=5),
)
@example(values=[207.0, 208.0, -45.0], asked=[0.0, -9.740674916594891e-89])
def test_the_scale_rises_and_is_invertible(values: list[float], asked: list[float]) -> None:
    scale = NormalScoreScale.of(np.array(values))
    scores = np.sort(np.array(asked))
    labels = scale.backward(scores)
    rounding = 1e-12 * np.abs(scale.values).max()
    assert (np.diff(labels) >= -rounding).all()
    if len(set(values)) > 1:
        np.testing.assert_allclose(scale.forward(labels), scores, atol=1e-6)
    else:
        np.testing.assert_allclose(labels, values[0], atol=1e-4)


@pytest.mark.parametrize(
    ("setting", "value", "rule"),
    [
        ("members", 1, ">= 2"),
        ("rounds", 0, ">= 1"),
        ("learning_rate", 0.0, r"in \(0, 1\]"),
        ("subsample", 1.5, r"in \(0, 1\]"),
        ("reg_lambda", -1.0, ">= 0"),
    ],
)
def test_bad_setting_is_refused(setting: str, value: float, rule: str) -> None:
    with pytest.raises(UserError, match=f"{setting} must be {rule}"):
        XgbSettings(**{setting: value})  # type: ignore[arg-type]


def test_settings_of_another_predictor_are_refused() -> None:
    with pytest.raises(UserError, match="XgbSettings"):
        XgbPredictor(CostSettings())  # type: ignore[arg-type]


def test_unknown_macro_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="timit-micro"):
        CostSettings(macro="nope")


def test_unknown_predictor_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"known: .*xgb"):
        PREDICTORS.get("nope")


def test_changed_columns_are_noticed(dataset: SurrogateDataset, tmp_path: Path) -> None:
    MeanPredictor().fit(dataset, np.random.default_rng(0)).save(tmp_path / "p")
    header = tmp_path / "p" / "predictor.json"
    text = header.read_text()
    start = text.index('columns_sha256": "') + len('columns_sha256": "')
    header.write_text(text[:start] + "0" * 64 + text[start + 64 :])
    with pytest.raises(UserError, match="other columns"):
        load_predictor(tmp_path / "p")


def test_a_predictor_that_nobody_has_imported_is_refused(
    dataset: SurrogateDataset, tmp_path: Path
) -> None:
    MeanPredictor().fit(dataset, np.random.default_rng(0)).save(tmp_path / "p")
    header = tmp_path / "p" / "predictor.json"
    header.write_text(header.read_text().replace('"mean"', '"os:path"'))
    with pytest.raises(UserError, match=r"but is 'os:path'; import the module that registers it"):
        load_predictor(tmp_path / "p")


def test_folder_without_predictor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="must hold a predictor"):
        load_predictor(tmp_path)


@pytest.mark.parametrize("name", ["gnn", "stack", "additive"])
def test_nodes_described_in_another_way_are_noticed(
    name: str, dataset: SurrogateDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"gnn": GnnSettings(members=1, steps=20, dropout=0.1)}
    kind = PREDICTORS.get(name)
    kind(settings.get(name)).fit(dataset.subset(np.arange(12)), np.random.default_rng(0)).save(
        tmp_path / "p"
    )
    other = vocabulary.NODE_COLUMNS[::-1]
    monkeypatch.setattr(vocabulary, "NODE_COLUMNS", other)
    with pytest.raises(UserError, match="other columns"):
        load_predictor(tmp_path / "p")


def test_a_folder_to_save_to_is_made_with_those_above_it(
    dataset: SurrogateDataset, tmp_path: Path
) -> None:
    fitted = MeanPredictor().fit(dataset, np.random.default_rng(0))
    for _ in range(2):  # again into the folder that is there
        fitted.save(tmp_path / "runs" / "today" / "p")
    assert load_predictor(tmp_path / "runs" / "today" / "p").name == "mean"
