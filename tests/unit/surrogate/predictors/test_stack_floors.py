"""The stack against its members: it keeps up with the best one, and its weights say which it is."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from graph_encoding.graph import CellGraph
from surrogate.data.targets import FloatArray
from surrogate.metrics import rmse
from surrogate.predictors.features import GraphInputs, Vocabulary
from surrogate.predictors.gaussian.gp import GaussianProcess
from surrogate.predictors.ridge import Ridge
from surrogate.predictors.score_model import ScoreModel
from surrogate.predictors.stack import Stack, StackSettings, StackXgbSettings, expected_shares
from surrogate.predictors.trees.xgb import BoostedTrees
from surrogate.testing.synthetic import synthetic_dataset, true_per

KINDS = ("xgb", "gp", "counts", "statistics")
SETTINGS = StackSettings(
    folds=3, gnn_from=10**6, xgb=StackXgbSettings(members=2, rounds=60, reg_lambda=0.1)
)
FREE = replace(SETTINGS, weights_std=10.0)
"""Weights that follow the held-out errors alone."""

GRAPHS = synthetic_dataset(160).graphs
INPUTS = GraphInputs(GRAPHS, Vocabulary.of(GRAPHS))
TRAIN, TEST = np.arange(100), np.arange(100, 160)
COST = {"linear": 0.3, "conv5": 0.1, "conv5d2": -0.2, "conv7": 0.25, "conv7d2": -0.3}


def cost_of_operations(graph: CellGraph) -> float:
    return sum(COST.get(op.name, 0.0) for op in graph.ops[1:-1])


def count_of_edges(graph: CellGraph) -> float:
    return float(sum(multiplicity for _, _, multiplicity in graph.edges))


def exclusive_or(graph: CellGraph) -> float:
    names = [op.name for op in graph.ops[1:-1]]
    dense = "linear" in names
    convolution = "conv5" in names or "conv7" in names
    return float(dense != convolution) + 0.3 * (names.count("conv5d2") > 1)


LAWS = {cost_of_operations: "counts", count_of_edges: "statistics", exclusive_or: "xgb"}
"""Law of the labels -> the member that learns it best."""


def labels(law: Callable[[CellGraph], float], noise: float) -> FloatArray:
    values = np.array([law(graph) for graph in INPUTS.graphs])
    rng = np.random.default_rng(0)
    return (values - values.mean()) / values.std() + noise * rng.normal(size=len(values))


def fitted(model: ScoreModel, scores: FloatArray) -> ScoreModel:
    model.fit(INPUTS.subset(TRAIN), scores[TRAIN], np.ones(100), np.random.default_rng(0))
    return model


def error(model: ScoreModel, scores: FloatArray) -> float:
    return rmse(model.predict(INPUTS.subset(TEST)).mean, scores[TEST])


def members() -> dict[str, ScoreModel]:
    return {
        "xgb": BoostedTrees(SETTINGS.xgb),
        "gp": GaussianProcess(SETTINGS.gp),
        "counts": Ridge(SETTINGS.counts),
        "statistics": Ridge(SETTINGS.statistics),
    }


@pytest.mark.parametrize(("law", "best"), LAWS.items(), ids=LAWS.values())
def test_a_stack_keeps_up_with_its_best_member(
    law: Callable[[CellGraph], float], best: str
) -> None:
    """Three laws, each of which another member learns best."""
    scores = labels(law, 0.05)
    errors = {kind: error(fitted(model, scores), scores) for kind, model in members().items()}
    assert min(errors, key=lambda kind: errors[kind]) == best
    free = fitted(Stack(FREE), scores)
    assert error(free, scores) < 1.35 * errors[best]
    weights = dict(zip(KINDS, free.arrays()["stack_weights"], strict=True))
    assert max(weights, key=lambda kind: weights[kind]) == best


@pytest.mark.parametrize(("law", "best"), LAWS.items(), ids=LAWS.values())
def test_the_best_member_gets_more_than_its_expected_share(
    law: Callable[[CellGraph], float], best: str
) -> None:
    stack = fitted(Stack(SETTINGS), labels(law, 0.05))
    weights = stack.arrays()["stack_weights"] - expected_shares(KINDS, len(TRAIN))
    assert weights[KINDS.index(best)] > 0.05


def test_a_stack_keeps_up_with_its_members_on_noisy_labels() -> None:
    scores = labels(true_per, 0.4)
    errors = [error(fitted(model, scores), scores) for model in members().values()]
    assert error(fitted(Stack(SETTINGS), scores), scores) < 1.2 * min(errors)
    assert min(errors) < 0.6
