"""The graph network: predictions of NumPy equal those of torch, together and alone."""

import pickle
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra gnn")
pytest.importorskip("torch_geometric", reason="needs the extra gnn")

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.graph import cell_graph
from surrogate.data.dataset import SurrogateDataset
from surrogate.predictors import load_predictor
from surrogate.predictors.features import GraphInputs, Vocabulary
from surrogate.predictors.gnn.network import GnnPredictor, GraphNetwork, regularised
from surrogate.predictors.gnn.settings import GnnSettings
from surrogate.predictors.gnn.training import _Network
from surrogate.predictors.score_model import Scores
from surrogate.predictors.stack import Stack, StackGnnSettings, StackSettings, StackXgbSettings
from surrogate.testing.synthetic import synthetic_dataset

SETTINGS = GnnSettings(members=2, width=12, layers=2, steps=40, batch=8, dropout=0.1)
LARGER = ("10_100_1000_10000", "conv9:1_gated_linear:01_max_pool3:110", "00_510_1010")


@pytest.fixture(scope="module")
def data() -> SurrogateDataset:
    return synthetic_dataset(40)


@pytest.fixture(scope="module")
def vocabulary(data: SurrogateDataset) -> Vocabulary:
    return Vocabulary.of(data.graphs)


@pytest.fixture(scope="module")
def asked(vocabulary: Vocabulary) -> GraphInputs:
    """Graphs of several sizes, so that some are padded, and more than fit into one product."""
    texts = [*LARGER, *(f"{i}0_{j}01_2110" for i in range(5) for j in range(5))]
    graphs = [cell_graph(Cell.parse(text)) for text in texts]
    return GraphInputs(graphs * 12, vocabulary)


def fitted(data: SurrogateDataset, vocabulary: Vocabulary, seed: int) -> GraphNetwork:
    network = GraphNetwork(SETTINGS)
    inputs = GraphInputs(data.graphs, vocabulary)
    weights = np.ones(len(data))
    network.fit(inputs, data.model_values, weights, np.random.default_rng(seed))
    return network


def test_numpy_and_torch_predict_the_same(
    data: SurrogateDataset, vocabulary: Vocabulary, asked: GraphInputs
) -> None:
    network = fitted(data, vocabulary, 0)
    nodes = asked.nodes
    means, stds = [], []
    for number in range(SETTINGS.members):
        twin = _Network(nodes.x.shape[2], SETTINGS)
        learned = network.arrays()
        twin.load_state_dict(
            {
                name: torch.from_numpy(learned[f"gnn{number}/{name}"])
                for name, _ in twin.named_parameters()
            }
        )
        twin.eval()
        with torch.no_grad():
            mean, log_std = twin(*(torch.from_numpy(a) for a in (nodes.x, nodes.feeds, nodes.mask)))
        means.append(mean.numpy())
        stds.append(log_std.exp().numpy())
    answer = network.predict(asked)
    np.testing.assert_allclose(answer.mean, np.mean(means, axis=0), atol=2e-5)
    spread = np.sqrt(np.mean(np.square(stds), axis=0) + np.var(means, axis=0))
    np.testing.assert_allclose(answer.std, spread, rtol=1e-4)


def test_networks_predict_together_as_each_alone(
    data: SurrogateDataset, vocabulary: Vocabulary, asked: GraphInputs
) -> None:
    networks = [fitted(data, vocabulary, seed) for seed in range(3)]
    # An ensemble of folds, whose disagreement does not count.
    networks.append(GraphNetwork.of_folds(networks[:2]))
    together = GraphNetwork.together(networks)(asked)
    assert len(together) == 4
    for network, answer in zip(networks, together, strict=True):
        alone = network.predict(asked)
        np.testing.assert_allclose(answer.mean, alone.mean, atol=1e-6)
        np.testing.assert_allclose(answer.std, alone.std, atol=1e-6)
    assert not np.allclose(together[0].mean, together[1].mean)


def test_a_stack_asks_all_networks_of_its_folds(
    data: SurrogateDataset, vocabulary: Vocabulary
) -> None:
    settings = StackSettings(
        folds=3,
        gnn_from=20,
        xgb=StackXgbSettings(members=2, rounds=20),
        gnn=StackGnnSettings(**asdict(SETTINGS)),
    )
    stack = Stack(settings)
    inputs = GraphInputs(data.graphs, vocabulary)
    stack.fit(inputs, data.model_values, np.ones(len(data)), np.random.default_rng(0))
    # In another process it answers the same.
    copied = pickle.loads(pickle.dumps(stack)).predict(inputs)  # noqa: S301
    np.testing.assert_array_equal(copied.mean, stack.predict(inputs).mean)
    names = {name.split("/")[0] for name in stack.arrays() if name.startswith("gnn.")}
    assert names == {f"gnn.{fold}.gnn{member}" for fold in range(3) for member in range(2)}


@pytest.mark.parametrize("best", [0.1, 0.35])
@pytest.mark.parametrize(("graphs", "parts"), [(60, 3), (180, 2), (390, 1)])
def test_the_dropout_that_errs_less_is_chosen(
    best: float, graphs: int, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network predicts 1 for 0 unless it has the best dropout; each third is held out once."""
    judged: list[tuple[float | None, int]] = []

    class Known(GraphNetwork):
        def fit(self, *_: Any) -> None:
            assert self._settings.members == 1

        def predict(self, inputs: GraphInputs) -> Scores:
            judged.append((self._settings.dropout, len(inputs)))
            error = 0.5 if self._settings.dropout == best else 1.0
            return Scores(np.full(len(inputs), error), np.ones(len(inputs)))

    monkeypatch.setattr("surrogate.predictors.gnn.network.GraphNetwork", Known)
    data = synthetic_dataset(graphs)
    inputs, n = GraphInputs(data.graphs, Vocabulary.of(data.graphs)), len(data)
    settings = GnnSettings(members=2, steps=100)
    rng = np.random.default_rng(0)
    found = regularised(settings, inputs, np.zeros(n), np.ones(n), rng)
    assert (found.dropout, found.steps, found.members) == (best, 200 if best == 0.1 else 100, 2)
    assert sorted(judged) == sorted([(d, n // 3) for d in (0.1, 0.35)] * parts)


def test_of_few_graphs_none_is_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("surrogate.predictors.gnn.network.GraphNetwork", None)
    data = synthetic_dataset(29)
    inputs = GraphInputs(data.graphs, Vocabulary.of(data.graphs))
    arguments = data.model_values, np.ones(29), np.random.default_rng(0)
    assert regularised(GnnSettings(), inputs, *arguments).dropout == 0.1


def test_a_dropout_that_is_given_is_kept(data: SurrogateDataset, vocabulary: Vocabulary) -> None:
    inputs = GraphInputs(data.graphs, vocabulary)
    arguments = inputs, data.model_values, np.ones(len(data)), np.random.default_rng(0)
    assert regularised(SETTINGS, *arguments) is SETTINGS


@pytest.mark.parametrize("field", ["dropout", "op_dropout"])
@pytest.mark.parametrize("value", [-0.1, 1.0])
def test_a_dropout_is_a_probability_below_one(field: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"{field} must be in \[0, 1\), but got {value}"):
        GnnSettings(**{field: value})  # type: ignore[arg-type]


def test_dropout_is_chosen_once_for_all_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    data, settings = synthetic_dataset(40).sorted_by_key(), replace(SETTINGS, dropout=None)
    asked_of: list[int] = []

    def counted(given: GnnSettings, inputs: GraphInputs, *rest: Any) -> GnnSettings:
        if given.dropout is None:
            asked_of.append(len(inputs))
        return regularised(given, inputs, *rest)

    monkeypatch.setattr("surrogate.predictors.gnn.network.regularised", counted)
    predictor = GnnPredictor(settings)
    held_out = predictor.fit_out_of_fold(data, 3, np.random.default_rng(0))
    assert asked_of == [len(data)]
    assert predictor.settings.dropout is None
    answers = predictor.predict(data.graphs).mean
    assert np.abs(held_out.mean - answers).max() > 0


def test_a_calibrated_fit_has_the_members_of_its_folds_and_survives_a_folder(
    tmp_path: Path,
) -> None:
    data = synthetic_dataset(30).sorted_by_key()
    predictor = GnnPredictor(replace(SETTINGS, members=1))
    predictor.fit_out_of_fold(data, 3, np.random.default_rng(0))
    assert {name.split("/")[0] for name in predictor._learned() if "/" in name} == {
        "gnn0",
        "gnn1",
        "gnn2",
    }
    predictor.save(tmp_path / "p")
    again = load_predictor(tmp_path / "p").predict(data.graphs)
    assert np.array_equal(again.mean, predictor.predict(data.graphs).mean)


def test_a_held_out_label_has_no_influence_on_its_prediction() -> None:
    """Not even through the scale, on which the label of a row would be a knot."""
    data = synthetic_dataset(30).sorted_by_key()
    worst = int(np.argmax(data.values))
    changed = data.values.copy()
    changed[worst] = 0.5 * changed.min()
    predicted = [
        GnnPredictor(SETTINGS).fit_out_of_fold(of, 3, np.random.default_rng(0))
        for of in (data, replace(data, values=changed))
    ]
    assert predicted[0].mean[worst] == predicted[1].mean[worst]
    assert predicted[0].std[worst] == predicted[1].std[worst]
    assert not np.array_equal(predicted[0].mean, predicted[1].mean)


def test_networks_of_folds_disagree_without_a_wider_prediction(
    data: SurrogateDataset, vocabulary: Vocabulary, asked: GraphInputs
) -> None:
    """A held-out graph has the variance of one fold, and so has a new one: their mean."""
    networks = [fitted(data, vocabulary, seed) for seed in range(3)]
    each = [network.predict(asked) for network in networks]
    joined = GraphNetwork.of_folds(networks)
    again = GraphNetwork(SETTINGS)
    again.restore(joined.arrays(), {})
    for found in (joined.predict(asked), again.predict(asked)):
        np.testing.assert_allclose(found.mean, np.mean([e.mean for e in each], axis=0), atol=1e-6)
        variance = np.mean([e.std**2 for e in each], axis=0)
        np.testing.assert_allclose(found.std**2, variance, rtol=1e-4)
