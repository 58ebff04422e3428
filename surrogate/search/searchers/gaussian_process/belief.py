"""Beliefs about the costs of all functions without covariances: exact ones, and predictors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np

from graph_encoding.graph import CellGraph
from surrogate.comparison.plugin import contender
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.targets import FloatArray, Identity, Target
from surrogate.predictors.base import Predictor
from surrogate.predictors.scaling import NormalScoreScale
from surrogate.search.searcher import Searcher
from surrogate.search.searchers.gaussian_process.distances import Rows


class Belief(Protocol):
    """What a search expects of one objective of all functions, as scores, lower is better."""

    @property
    def mean(self) -> FloatArray:
        """(n,) expected scores."""

    @property
    def std(self) -> FloatArray:
        """(n,) their standard deviations, without the noise of a training."""

    @property
    def scale(self) -> NormalScoreScale:
        """Turns scores into costs."""

    def given_pending(self, rows: Rows) -> Self:
        """The belief once some functions gave exactly what is expected of them."""

    def draws(self, rows: Rows, count: int, rng: np.random.Generator) -> FloatArray:
        """(count, k) joint draws of the scores of k functions."""


@dataclass(frozen=True, eq=False)
class IndependentBelief:
    """A belief without covariances.

    Attributes:
        mean: (n,) expected scores.
        std: (n,) their standard deviations.
        scale: turns scores into costs.
    """

    mean: FloatArray
    std: FloatArray
    scale: NormalScoreScale

    @classmethod
    def exact(cls, costs: FloatArray, known: FloatArray) -> Self:
        """Of (n,) costs that are known without a training, on the scale of some of them."""
        scale = NormalScoreScale.of(known)
        return cls(scale.forward(costs), np.zeros(len(costs)), scale)

    @classmethod
    def predicted(
        cls,
        predictor: str,
        graphs: Sequence[CellGraph],
        rows: Rows,
        costs: FloatArray,
        counts: FloatArray,
        rng: np.random.Generator,
    ) -> Self:
        """By a registered predictor, fitted on k >= 2 of n functions.

        Args:
            predictor: its name, or `module:Class`.
            graphs: all n functions.
            rows: (k,) which of them are known.
            costs: (k,) mean cost of each.
            counts: (k,) trainings that each mean is of.
            rng: of the fit.
        """
        dataset = cost_dataset([graphs[row] for row in rows], costs, counts)
        found = contender(predictor, {}).make().fit(dataset, rng).predict(graphs)
        scale = NormalScoreScale.of(costs)
        mean = scale.forward(found.mean)
        std = (scale.forward(found.mean + found.std) - scale.forward(found.mean - found.std)) / 2
        return cls(mean, std, scale)

    def given_pending(self, rows: Rows) -> Self:
        """The same, with nothing left to learn of some functions."""
        std = self.std.copy()
        std[rows] = 0.0
        return replace(self, std=std)

    def draws(self, rows: Rows, count: int, rng: np.random.Generator) -> FloatArray:
        """(count, k) independent draws."""
        return rng.normal(self.mean[rows], self.std[rows], size=(count, len(rows)))


def fitted_on_known(
    searcher: Searcher, predictor: str, settings: Mapping[str, Any], rng: np.random.Generator
) -> Predictor:
    """A predictor of the first objective, fitted on what a searcher knows.

    Args:
        searcher: knows at least 2 functions.
        predictor: its registered name, or `module:Class`.
        settings: its settings that differ from the defaults.
        rng: of the fit.
    """
    known = searcher.known.values()
    dataset = cost_dataset(
        [searcher.space.function(of.cell).graph for of in known],
        np.array([of.cost for of in known]),
        np.array([len(of.costs) for of in known]),
    )
    return contender(predictor, settings).make().fit(dataset, rng)


def cost_dataset(
    graphs: Sequence[CellGraph], costs: FloatArray, counts: FloatArray
) -> SurrogateDataset:
    """Costs of k functions as labels of a predictor."""
    return SurrogateDataset(
        Target("cost", "cost", "", "minimise", Identity()),
        tuple(graphs),
        np.asarray(costs, dtype=np.float64),
        np.maximum(np.asarray(counts), 1).astype(np.int64),
        np.full(len(graphs), np.nan),
    )
