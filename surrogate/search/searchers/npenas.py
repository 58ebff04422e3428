"""NPENAS: evolution whose children a predictor chooses, by its mean or by Thompson sampling."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from graph_encoding.common.errors import UserError
from graph_encoding.graph import CellGraph
from surrogate.data.targets import FloatArray
from surrogate.search.searcher import register_searcher
from surrogate.search.searchers.children import ChildrenSearcher
from surrogate.search.searchers.gaussian_process.belief import fitted_on_known


@dataclass(frozen=True)
class NpenasSettings:
    """Settings of `NpenasSearcher` and `NpenasBoSearcher`.

    Attributes:
        start: random functions that it starts with, >= 2.
        candidates: children that are scored for each batch, >= 1.
        parents: best functions that have children, >= 1.
        mutation_rate: operations, and flags, that a child changes on average, > 0.
        predictor: registered name of the predictor, or `module:Class`.
        predictor_settings: its settings that differ from the defaults.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field

    start: int = 10
    candidates: int = 100
    parents: int = 10
    mutation_rate: float = 1.0
    predictor: str = "gnn"
    predictor_settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, least in (("start", 2), ("candidates", 1), ("parents", 1)):
            if getattr(self, name) < least:
                raise UserError(f"{name} must be >= {least}, but got {getattr(self, name)}")
        if not self.mutation_rate > 0:
            raise UserError(f"mutation_rate must be > 0, but got {self.mutation_rate}")


@register_searcher
class NpenasSearcher(ChildrenSearcher):
    """NPENAS-NP: children of the best functions, of which the predicted best are trained.

    The graph network of this library stands in place of the original's graph isomorphism network.

    Source: Wei et al., "NPENAS", IEEE Transactions on Neural Networks and Learning Systems, 2022;
    settings of auroua/NPENASv1 `configs.py` for NAS-Bench-ASR: 10 start, 100 candidates, mutation
    rate 1. Ask for 10 at a time. Unlike its `predictor_new.py`, no round sees labels of
    candidates.
    """

    name = "npenas-np"
    settings_type = NpenasSettings
    settings: NpenasSettings
    samples: ClassVar[bool] = False
    """Whether candidates are ranked by draws from their predictions, and not by the means."""

    def _scores(self, candidates: Sequence[CellGraph]) -> FloatArray:
        predictor = fitted_on_known(
            self, self.settings.predictor, self.settings.predictor_settings, self._rng
        )
        answer = predictor.predict(candidates)
        return self._rng.normal(answer.mean, answer.std) if self.samples else answer.mean


@register_searcher
class NpenasBoSearcher(NpenasSearcher):
    """NPENAS-BO: as NPENAS-NP, but children are ranked by draws from uncertain predictions.

    Source: as `NpenasSearcher`.
    """

    name = "npenas-bo"
    samples = True
