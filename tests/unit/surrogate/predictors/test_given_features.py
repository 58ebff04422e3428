"""Features given with graphs: which predictors learn from them, and laws of that."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding import GraphRow, UserError, read_graphs, write_graphs
from surrogate.comparison import benchmark_config
from surrogate.data.dataset import SurrogateDataset, feature_matrix
from surrogate.data.labelled_graphs import load_source
from surrogate.data.targets import FloatArray, Identity, Target
from surrogate.metrics import kendall_tau
from surrogate.predictors import PREDICTORS, Predictor
from surrogate.predictors.features import GivenFeature, Vocabulary
from surrogate.predictors.ridge import RidgePredictor
from surrogate.predictors.stack import StackSettings, StackXgbSettings
from surrogate.predictors.trees.lgbm import LgbmSettings
from surrogate.predictors.trees.xgb import XgbPredictor, XgbSettings
from surrogate.testing.synthetic import synthetic_dataset, with_features

TRAIN = np.arange(100)
TEST = np.arange(100, 160)

SETTINGS: dict[str, Any] = {
    "xgb": XgbSettings(members=3),
    "lgbm": LgbmSettings(members=3),
    # The graph network takes no features: here it would only cost time.
    "stack": StackSettings(folds=3, gnn_from=1000, xgb=StackXgbSettings(members=3)),
}


@pytest.fixture(scope="module")
def labels() -> FloatArray:
    """Labels that no graph gives away."""
    return np.random.default_rng(1).normal(0, 1, 160)


@pytest.fixture(scope="module")
def data(labels: FloatArray) -> SurrogateDataset:
    target = Target("acc", "acc", "", "maximise", Identity())
    return replace(synthetic_dataset(160), target=target, values=labels)


def fitted(name: str, dataset: SurrogateDataset) -> Predictor:
    if name == "lgbm":
        pytest.importorskip("lightgbm", reason="needs the extra predictors")
    kind = PREDICTORS.get(name)
    return kind(SETTINGS.get(name)).fit(dataset.subset(TRAIN), np.random.default_rng(0))


def tau(predictor: Predictor, dataset: SurrogateDataset) -> float:
    test = dataset.subset(TEST)
    return kendall_tau(predictor.predict(test.graphs).mean, test.values)


@pytest.mark.parametrize(
    ("name", "least"), [("ridge", 0.9), ("gp", 0.9), ("xgb", 0.7), ("lgbm", 0.7), ("stack", 0.7)]
)
def test_a_feature_that_is_the_label_is_found_and_a_permuted_one_is_not(
    name: str, least: float, data: SurrogateDataset, labels: FloatArray
) -> None:
    featured = with_features(data, {"proxy": labels})
    assert tau(fitted(name, featured), featured) > least
    shuffled = np.random.default_rng(2).permutation(labels)
    permuted = with_features(data, {"proxy": shuffled})
    # The standard deviation of the tau of 60 unrelated pairs is .09.
    assert abs(tau(fitted(name, permuted), permuted)) < 0.3


@pytest.mark.parametrize("name", ["xgb", "ridge", "gp"])
def test_a_constant_feature_changes_no_prediction(name: str, data: SurrogateDataset) -> None:
    constant = with_features(data, {"same": [0.1] * len(data)})
    plain, other = fitted(name, data), fitted(name, constant)
    expected = plain.predict(data.subset(TEST).graphs)
    answer = other.predict(constant.subset(TEST).graphs)
    np.testing.assert_allclose(answer.mean, expected.mean, rtol=1e-9)
    # Nor does a query whose value is another: the fit cannot know what that means.
    elsewhere = with_features(data, {"same": range(len(data))})
    answer = other.predict(elsewhere.subset(TEST).graphs)
    np.testing.assert_allclose(answer.mean, expected.mean, rtol=1e-9)


@pytest.mark.parametrize("exponent", [-300, -40, -9, 9, 40, 300])
def test_the_unit_of_a_feature_changes_no_prediction(
    exponent: int, data: SurrogateDataset, labels: FloatArray
) -> None:
    """Single precision, in which columns are, ends at 1e38 and 1e-45."""
    answers = []
    for factor in (1.0, 10.0**exponent):
        featured = with_features(data, {"proxy": labels * factor})
        answers.append(fitted("ridge", featured).predict(featured.subset(TEST).graphs).mean)
    np.testing.assert_allclose(answers[0], answers[1], rtol=1e-4, atol=1e-5)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_every_finite_value_has_a_finite_column(values: list[float]) -> None:
    array = np.array(values)
    feature = GivenFeature.of("f", array)
    for asked in (array, np.array([1.7e308, -1.7e308, 5e-324, 0.0])):
        assert np.isfinite(feature.column(asked).astype(np.float32)).all()
    if feature.scale and 1e-300 < np.abs(array).max() < 1e300:
        column = feature.column(array)
        assert abs(column.mean()) < 1e-3
        assert column.std() == pytest.approx(1, abs=1e-3)


def _write(path: Path, data: SurrogateDataset, order: int) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for graph, value in zip(data.graphs, data.values.tolist(), strict=True):
        features = {"a": value, "b": float(rng.normal()), "c": float(rng.normal())}
        rows.append(GraphRow(graph, {"acc": value}, dict(list(features.items())[::order])))
    write_graphs(path, rows)


def test_the_order_of_features_in_a_file_is_of_no_consequence(
    data: SurrogateDataset, tmp_path: Path
) -> None:
    found = []
    for order in (1, -1):
        path = tmp_path / f"{order}.jsonl"
        _write(path, data, order)
        source = {"graphs": path, "direction": "maximise"}
        found.append(load_source(benchmark_config({"source": source, "target": "acc"})).dataset)
    one, other = found
    assert one.feature_names == ("a", "b", "c")
    assert one.content_sha256 == other.content_sha256
    np.testing.assert_array_equal(one.features[:, 0], one.values)
    np.testing.assert_array_equal(
        fitted("xgb", one).predict(other.graphs).mean, fitted("xgb", other).predict(one.graphs).mean
    )


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ('{"proxy": 1.0}', r"line 3: all lines must have the same .*'size'"),
        ("{}", "line 3: all lines must have the same"),
        ('{"proxy": NaN, "size": 1}', "line 3: .*'features.proxy': .* a finite number"),
        ('{"proxy": 1, "size": 1e999}', "line 3: .*'features.size': .* a finite number"),
        ('{"proxy": 1, "size": null}', "line 3: .*'features.size': .* a valid number"),
    ],
)
def test_a_missing_or_infinite_feature_is_an_error_with_its_line(
    features: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "graphs.jsonl"
    line = '{{"key": "{}", "ops": ["input", "output"], "edges": [[0, 1]], "targets": {{"y": 1}}'
    good = ', "features": {"proxy": 1.0, "size": 2}}'
    path.write_text(
        "\n".join([line.format("a") + good, "", f'{line.format("b")}, "features": {features}}}'])
    )
    with pytest.raises(UserError, match=f"{path}, {message}"):
        list(read_graphs(path))


def test_graphs_of_a_dataset_have_the_same_features(data: SurrogateDataset) -> None:
    featured = with_features(data, {"proxy": data.values})
    with pytest.raises(UserError, match=r"here \['proxy'\], but graph .* has \[\]"):
        replace(data, graphs=(*featured.graphs[:-1], data.graphs[-1]))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ((("b", 1.0), ("a", 1.0)), "sorted by name"),
        ((("a", 1.0), ("a", 1.0)), "each name once"),
        ((("a", float("nan")),), "finite numbers, but 'a'"),
    ],
)
def test_features_of_a_graph_have_one_form(
    features: tuple[tuple[str, float], ...], message: str, data: SurrogateDataset
) -> None:
    with pytest.raises(UserError, match=message):
        replace(data.graphs[0], features=features)


def test_datasets_without_features_keep_their_checksums(labels: FloatArray) -> None:
    """Studies and kept fits are found by them."""
    data = synthetic_dataset(3)
    known = "69052d90a38c09aafc8ee75c716142393e5e642bfafbc64677e490ea982b13de"
    assert data.content_sha256 == known
    assert data.features.shape == (3, 0)
    sums = {with_features(data, {"f": labels[i : i + 3]}).content_sha256 for i in range(3)}
    assert len({known, *sums}) == 4


def test_a_vocabulary_keeps_its_features_and_its_old_form(data: SurrogateDataset) -> None:
    plain = Vocabulary.of(data.graphs)
    assert isinstance(json.loads(plain.to_json()), list)
    featured = with_features(data, {"proxy": data.values})
    assert Vocabulary.of(featured.graphs) == plain
    with_columns = Vocabulary.of(featured.graphs, with_features=True)
    assert [of.name for of in with_columns.given] == ["proxy"]
    for vocabulary in (plain, with_columns):
        assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


def test_predictors_that_take_no_features_predict_graphs_without(data: SurrogateDataset) -> None:
    featured = with_features(data, {"proxy": data.values})
    for name in ("additive", "mean", "params", "macs"):
        predictor = fitted(name, featured)
        assert predictor.feature_names == ()
        plain = fitted(name, data).predict(data.graphs)
        np.testing.assert_array_equal(predictor.predict(data.graphs).mean, plain.mean)


def test_a_fit_without_features_refuses_graphs_with_some(data: SurrogateDataset) -> None:
    featured = with_features(data, {"proxy": data.values})
    for kind in (XgbPredictor, RidgePredictor):
        predictor = fitted(kind.name, data)
        with pytest.raises(UserError, match=r"here \[\], but graph .* has \['proxy'\]"):
            predictor.predict(featured.graphs)


def test_features_as_a_matrix(data: SurrogateDataset, labels: FloatArray) -> None:
    featured = with_features(data, {"b": labels, "a": -labels})
    assert featured.feature_names == ("a", "b")
    np.testing.assert_array_equal(featured.features, np.column_stack([-labels, labels]))
    rows = feature_matrix(featured.graphs[3:5])
    np.testing.assert_array_equal(rows, featured.features[3:5])
