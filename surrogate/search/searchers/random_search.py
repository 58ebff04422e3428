"""Random search: every function at most once, in random order."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from graph_encoding.cell import Cell
from surrogate.search.searcher import Searcher, register_searcher


@dataclass(frozen=True)
class RandomSettings:
    """`RandomSearcher` has no settings."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field


@register_searcher
class RandomSearcher(Searcher):
    """Functions in random order; of several objectives it finds the front of what it saw."""

    name = "random"
    settings_type = RandomSettings
    most_objectives = 8

    def _propose(self, count: int) -> Sequence[Cell]:
        return list(islice(self.random_new(), count))
