"""Vocabularies of many operations."""

from dataclasses import replace

import numpy as np
import pytest

from graph_encoding import CellGraph, operation_of_name
from graph_encoding.ops import BUILT_IN_OPS, INPUT, OPERATIONS, OUTPUT, Operation
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.targets import Identity, Target
from surrogate.predictors import XgbPredictor, XgbSettings
from surrogate.predictors.features import GraphInputs, features_of
from surrogate.predictors.vocabulary import Vocabulary

TARGET = Target("score", "score", "", "maximise", Identity())
NAMES = [
    f"k{k}d{d}s{s}e{e}" for k in (3, 5, 7, 9) for d in (1, 2, 4) for s in (1, 2) for e in (1, 6)
]


def chain(*ops: Operation) -> CellGraph:
    edges = tuple((i, i + 1, 1) for i in range(len(ops) + 1))
    return CellGraph((INPUT, *ops, OUTPUT), edges, "-".join(op.name for op in ops))


def chains(names: list[str], count: int) -> list[CellGraph]:
    rng = np.random.default_rng(0)
    ops = [operation_of_name(name) for name in names]
    return [chain(*(ops[i] for i in rng.integers(len(ops), size=7))) for _ in range(count)]


def plain_names(count: int) -> list[str]:
    return [f"op{chr(97 + i // 26)}{chr(97 + i % 26)}x" for i in range(count)]


def test_all_built_in_operations_have_columns_by_name() -> None:
    inner = set(BUILT_IN_OPS) - {"zero"}
    found = Vocabulary.of([chain(*(OPERATIONS.get(name) for name in inner))])
    assert set(found.names) == inner
    assert found.frequent == ()


@pytest.mark.parametrize("structured", [True, False])
def test_columns_grow_in_proportion_to_the_vocabulary(structured: bool) -> None:
    def columns(count: int) -> int:
        names = NAMES[:count] if structured else plain_names(count)
        return len(features_of(Vocabulary.of(chains(names, 600))).columns)

    at_20, at_30, at_40 = (columns(count) for count in (20, 30, 40))
    assert at_40 - at_30 <= 1.5 * (at_30 - at_20) + 40
    assert at_40 < 1200


def test_up_to_32_operations_have_counts_of_their_pairs() -> None:
    graphs = chains(plain_names(20), 60)
    found = Vocabulary.of(graphs)
    columns = features_of(found).columns
    encoded = dict(zip(columns, features_of(found).encode(graphs).T, strict=True))
    pairs = [column for column in columns if "|" in column]
    assert len(pairs) == 20 * 19 // 2
    for a, b in (("opaax", "opabx"), ("opalx", "opatx")):
        alone = (encoded[f"statistics/count:{name}"] for name in (a, b))
        assert np.array_equal(encoded[f"subset/op={a}|op={b}:count"], sum(alone))
    assert not Vocabulary.of(chains(NAMES[:40], 600)).paired


def test_a_stored_vocabulary_without_pairs_keeps_its_columns() -> None:
    found = Vocabulary.of(chains(plain_names(20), 60))
    before = Vocabulary.from_json(found.to_json().replace(', "paired": true', ""))
    assert before == replace(found, paired=False)
    columns = features_of(found).columns
    assert features_of(before).columns == tuple(name for name in columns if "|" not in name)


def test_rare_names_have_no_columns_of_their_own() -> None:
    graphs = [*chains(NAMES, 100), chain(operation_of_name("k11d8s2e3"))]
    found = Vocabulary.of(graphs)
    assert "k11d8s2e3" not in {op.name for op in found.frequent}
    assert len(found.ops) == 8


def test_an_unseen_operation_counts_as_the_prototype_like_it() -> None:
    found = Vocabulary.of(chains(NAMES, 200))
    op = found.ops[0]
    twin = Operation(
        "twin", op.kind, op.kernel, op.dilation, op.group_scale, op.stride, op.expansion
    )
    both = features_of(found).encode([chain(op), chain(twin)])
    differ = [features_of(found).columns[i] for i in np.flatnonzero(both[0] != both[1])]
    assert differ
    assert all(op.name in name or "other" in name for name in differ)


def test_a_large_vocabulary_survives_a_file() -> None:
    found = Vocabulary.of(chains(NAMES, 60))
    assert found.frequent
    assert Vocabulary.from_json(found.to_json()) == found


def test_nodes_are_described_by_stride_and_expansion() -> None:
    graphs = chains(NAMES, 100)
    found = Vocabulary.of(graphs)
    one, other = (chain(operation_of_name(name)) for name in ("k13s2", "k13e3"))
    nodes = GraphInputs([one, other], found).nodes
    places = [found.node_columns.index(name) for name in ("log_stride", "log_expansion")]
    assert nodes.x[:, 2, places].tolist() == [
        pytest.approx([np.log(2), 0]),
        pytest.approx([0, np.log(3)]),
    ]


def test_trees_learn_the_sizes_of_many_operations() -> None:
    """The labels depend on kernels alone; 48 names in 60 graphs are too many to learn each."""
    graphs = chains(NAMES, 260)
    values = [sum(np.log(op.kernel) for op in graph.ops[1:-1]) for graph in graphs]
    data = SurrogateDataset.of_single(TARGET, graphs, values)
    fitted = XgbPredictor(XgbSettings(members=2)).fit(
        data.subset(np.arange(60)), np.random.default_rng(0)
    )
    test = data.subset(np.arange(60, 260))
    found = np.corrcoef(fitted.predict(test.graphs).mean, test.values)[0, 1]
    assert found > 0.9
