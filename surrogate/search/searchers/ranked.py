"""Searchers that train random functions, then what a predictor ranks first in the whole space."""

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from surrogate.search.searcher import Searcher, register_searcher
from surrogate.search.searchers.gaussian_process.belief import fitted_on_known


class RankedSearcher(Searcher):
    """What Neural Predictor and BRP-NAS share: a ranking of all functions by a predictor.

    In a space too large to enumerate, `scored` random functions are ranked.
    """

    settings: Any

    def _ranked(self) -> list[Cell]:
        """New functions, the best predicted first."""
        if self.space.is_enumerated:
            cells = [self.space.functions.cells[row] for row in self.open_rows]
        else:
            drawn = islice(self.space.random_cells(self._rng), self.settings.scored)
            cells = [cell for cell in drawn if self.is_new(cell)]
        if not cells:
            return []
        predictor = fitted_on_known(
            self, self.settings.predictor, self.settings.predictor_settings, self._rng
        )
        means = predictor.predict([self.space.function(cell).graph for cell in cells]).mean
        return [cells[i] for i in np.argsort(means, kind="stable")]

    def _propose(self, count: int) -> Sequence[Cell]:
        missing = self.settings.start - len(self.known) - len(self.pending)
        if missing > 0 or len(self.known) < 2:
            return list(islice(self.random_new(), min(count, max(missing, 1))))
        return self._chosen(self._ranked(), count)

    @abstractmethod
    def _chosen(self, ranked: list[Cell], count: int) -> list[Cell]:
        """Functions to train next, out of those that are ranked."""


@dataclass(frozen=True)
class NeuralPredictorSettings:
    """Settings of `NeuralPredictorSearcher`.

    Attributes:
        start: random functions that the predictor is fitted on, >= 2.
        scored: random functions that are ranked in a space too large to enumerate, >= 1.
        predictor: registered name of the predictor, or `module:Class`.
        predictor_settings: its settings that differ from the defaults.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field

    start: int = 88
    scored: int = 2000
    predictor: str = "gnn"
    predictor_settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class BrpNasSettings(NeuralPredictorSettings):
    """Settings of `BrpNasSearcher`.

    Attributes:
        start: random functions of the first of five rounds, >= 2.
        top: share of a round that is predicted best, in [0, 1]; the others are drawn.
        halving: whether the others are drawn from the better half, then quarter, and so on.
    """

    start: int = 20
    top: float = 0.5
    halving: bool = True

    def __post_init__(self) -> None:
        _check(self)
        if not 0 <= self.top <= 1:
            raise UserError(f"top must be in [0, 1], but got {self.top}")


def _check(settings: NeuralPredictorSettings) -> None:
    if settings.start < 2 or settings.scored < 1:
        raise UserError(
            "a ranked search must have start >= 2 and scored >= 1, but got "
            f"{settings.start} and {settings.scored}"
        )


@register_searcher
class NeuralPredictorSearcher(RankedSearcher):
    """Neural Predictor: random functions, then what a graph network predicts to be the best.

    The graph network of this library stands in place of the original's graph convolutions.

    Source: Wen et al., "Neural predictor for neural architecture search", ECCV 2020; naszilla
    `params.py` trains all but 20 of 172 at random, which is 88 of a budget of 100. Unlike its
    `gcn_predictor`, the functions that are trained are those that are predicted to be the best.
    """

    name = "neural-predictor"
    settings_type = NeuralPredictorSettings
    settings: NeuralPredictorSettings

    def _chosen(self, ranked: list[Cell], count: int) -> list[Cell]:
        return ranked[:count]


@register_searcher
class BrpNasSearcher(RankedSearcher):
    """BRP-NAS: rounds that train half of what is predicted best and half of what is not bad.

    The graph network of this library stands in place of the original's binary relation predictor.

    Source: Dudziak et al., "BRP-NAS", NeurIPS 2020, and SamsungLabs/eagle: 5 rounds, half of each
    by rank, half at random from a share of the ranking that is halved in each round. Ask for a
    fifth of the budget at a time.
    """

    name = "brp-nas"
    settings_type = BrpNasSettings
    settings: BrpNasSettings

    def _chosen(self, ranked: list[Cell], count: int) -> list[Cell]:
        best = math.ceil(self.settings.top * count)
        rounds = len(self.known) // self.settings.start
        share = 0.5**rounds if self.settings.halving else 1.0
        rest = ranked[best : max(int(share * len(ranked)), count)]
        drawn = self._rng.permutation(len(rest))[: count - best]
        return [*ranked[:best], *(rest[i] for i in drawn)]
