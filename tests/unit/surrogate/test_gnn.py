"""The graph network: NumPy's answers are torch's, and many networks at once are each alone."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra gnn")
pytest.importorskip("torch_geometric", reason="needs the extra gnn")

from graph_encoding.cell import Cell
from graph_encoding.graph import cell_graph
from surrogate.dataset import SurrogateDataset
from surrogate.predictors.features import GraphInputs, Vocabulary
from surrogate.predictors.gnn import GnnSettings, GraphNetwork
from surrogate.predictors.gnn_training import _Network
from surrogate.predictors.stack import Stack, StackSettings
from surrogate.testing.synthetic import synthetic_dataset

SETTINGS = GnnSettings(members=2, width=12, layers=2, steps=40, batch=8)
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


def test_numpy_answers_what_torch_does(
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
        with torch.no_grad():
            mean, log_std = twin(*(torch.from_numpy(a) for a in (nodes.x, nodes.feeds, nodes.mask)))
        means.append(mean.numpy())
        stds.append(log_std.exp().numpy())
    answer = network.predict(asked)
    np.testing.assert_allclose(answer.mean, np.mean(means, axis=0), atol=2e-5)
    spread = np.sqrt(np.mean(np.square(stds), axis=0) + np.var(means, axis=0))
    np.testing.assert_allclose(answer.std, spread, rtol=1e-4)


def test_several_networks_at_once_answer_as_each_alone(
    data: SurrogateDataset, vocabulary: Vocabulary, asked: GraphInputs
) -> None:
    networks = [fitted(data, vocabulary, seed) for seed in range(3)]
    together = GraphNetwork.together(networks)(asked)
    assert len(together) == 3
    for network, answer in zip(networks, together, strict=True):
        alone = network.predict(asked)
        np.testing.assert_allclose(answer.mean, alone.mean, atol=1e-6)
        np.testing.assert_allclose(answer.std, alone.std, atol=1e-6)
    assert not np.allclose(together[0].mean, together[1].mean)


def test_a_stack_asks_all_networks_of_its_folds(
    data: SurrogateDataset, vocabulary: Vocabulary
) -> None:
    stack = Stack(StackSettings(folds=3, gnn_from=20, gnn=SETTINGS))
    inputs = GraphInputs(data.graphs, vocabulary)
    stack.fit(inputs, data.model_values, np.ones(len(data)), np.random.default_rng(0))
    names = {name.split("/")[0] for name in stack.arrays() if name.startswith("gnn.")}
    assert names == {f"gnn.{fold}.gnn{member}" for fold in range(3) for member in range(2)}
