"""BANANAS: an ensemble of networks over path encodings chooses among mutations of the best."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graph_encoding.common.errors import UserError
from graph_encoding.encodings import PathEncoding
from graph_encoding.graph import CellGraph
from surrogate.data.targets import FloatArray
from surrogate.search.searcher import register_searcher
from surrogate.search.searchers.children import ChildrenSearcher
from surrogate.search.searchers.path_ensemble import MlpEnsemble


@dataclass(frozen=True)
class BananasSettings:
    """Settings of `BananasSearcher`.

    Attributes:
        start: random functions that it starts with, >= 2.
        candidates: mutations that are scored for each batch, >= 1.
        parents: best functions that candidates are mutations of, >= 1.
        mutation_rate: operations, and flags, that a mutation changes on average, > 0.
        members: networks of the ensemble, >= 2.
        layers: hidden layers, >= 1.
        width: units of each, >= 1.
        learning_rate: Adam's step, > 0.
        epochs: passes over the data, >= 1.
        batch: rows of a step, >= 1.
        longest_path: operations of the longest path with a column of its own, >= 1.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field

    start: int = 10
    candidates: int = 100
    parents: int = 1
    mutation_rate: float = 1.0
    members: int = 5
    layers: int = 10
    width: int = 20
    learning_rate: float = 0.01
    epochs: int = 150
    batch: int = 32
    longest_path: int = 3

    def __post_init__(self) -> None:
        least = {"start": 2, "members": 2}
        names = ("start", "candidates", "parents", "members", "layers", "width", "epochs", "batch")
        for name in (*names, "longest_path"):
            if getattr(self, name) < least.get(name, 1):
                raise UserError(
                    f"{name} must be >= {least.get(name, 1)}, but got {getattr(self, name)}"
                )
        if not (self.mutation_rate > 0 and self.learning_rate > 0):
            raise UserError(
                "mutation_rate and learning_rate must be > 0, but got "
                f"{self.mutation_rate} and {self.learning_rate}"
            )


@register_searcher
class BananasSearcher(ChildrenSearcher):
    """BANANAS with independent Thompson sampling.

    Path counts are read as presence, and paths longer than `longest_path` are left out, which is
    the truncation of the paper.

    Source: White, Neiswanger and Savani, "BANANAS", AAAI 2021; settings of naszilla `params.py`
    and `nas_algorithms.py`: 10 start, 5 networks of 10 x 20 units, mean absolute error, learning
    rate .01, 150 epochs, batches of 32, 100 mutations of the best function. Ask for 10 at a time.
    """

    name = "bananas"
    settings_type = BananasSettings
    settings: BananasSettings

    def _scores(self, candidates: Sequence[CellGraph]) -> FloatArray:
        of = self.settings
        ensemble = MlpEnsemble(
            members=of.members,
            layers=of.layers,
            width=of.width,
            learning_rate=of.learning_rate,
            epochs=of.epochs,
            batch=of.batch,
        )
        known = self.known.values()
        costs = np.array([k.cost for k in known])
        encoded = self._encoded([self.space.function(k.cell).graph for k in known])
        ensemble.fit(encoded, (costs - costs.mean()) / (costs.std() or 1.0), self._rng)
        answers = ensemble.predict(self._encoded(candidates))
        drawn: FloatArray = self._rng.normal(answers.mean(axis=0), answers.std(axis=0))
        return drawn

    def _encoded(self, graphs: Sequence[CellGraph]) -> FloatArray:
        """(n, d) 1 for each path that a graph has."""
        counts = PathEncoding(self.settings.longest_path, self.space.ops).encode(graphs)[:, :-1]
        return (counts > 0).astype(np.float64)
