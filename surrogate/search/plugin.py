"""Searchers by name: registered ones, and any other by `module:Class`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import isabstract
from typing import Any

from graph_encoding.common.errors import UserError
from graph_encoding.common.registry import class_by_name
from surrogate.comparison.plugin import checked_settings
from surrogate.jobs.provenance import hash_of_class
from surrogate.search.feasibility import LimitModel
from surrogate.search.problem import SearchProblem
from surrogate.search.searcher import SEARCHERS, Searcher
from surrogate.search.searchers import GuidedSearcher
from surrogate.search.warm_start import WarmStart

DEFAULT = GuidedSearcher.name
"""Name of the searcher that is taken where none is named."""


@dataclass(frozen=True)
class SearcherChoice:
    """A searcher that was named, with its settings.

    Attributes:
        name: as it was named.
        kind: its class.
        settings: its settings.
    """

    name: str
    kind: type[Searcher]
    settings: Any

    @property
    def code_sha256(self) -> str:
        """Checksum of the source code of its class, see `hash_of_class`."""
        return hash_of_class(self.kind, Searcher)

    def make(
        self,
        problem: SearchProblem,
        *,
        seed: int,
        trainings_each: int = 1,
        limits: Sequence[LimitModel] = (),
        warm_start: WarmStart | None = None,
    ) -> Searcher:
        """A new searcher."""
        warm = {} if warm_start is None else {"warm_start": warm_start}
        return self.kind(
            problem,
            seed=seed,
            settings=self.settings,
            trainings_each=trainings_each,
            limits=limits,
            **warm,
        )


def searcher_of(name: str, settings: Mapping[str, Any]) -> SearcherChoice:
    """Find a searcher and check its settings.

    Args:
        name: a registered name, or `module:Class` of something that can be imported.
        settings: settings that differ from the defaults.

    Raises:
        UserError: if there is no such searcher, its class is abstract, its settings are no
            dataclass, or one is wrong.
    """
    kind = class_by_name(name, SEARCHERS, Searcher)
    if isabstract(kind):
        methods = ", ".join(sorted(kind.__abstractmethods__))
        raise UserError(
            f"searcher {name!r} must implement all abstract methods, but lacks {methods}; "
            "implement them, or name a class that is derived from it"
        )
    return SearcherChoice(name, kind, checked_settings(name, kind, settings))
