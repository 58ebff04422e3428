"""Searchers by name: registered ones, and any other by `module:Class`."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any

from graph_encoding.common.errors import UserError
from surrogate.comparison.plugin import checked_settings
from surrogate.search.feasibility import LimitModel
from surrogate.search.problem import SearchProblem
from surrogate.search.searcher import SEARCHERS, Searcher
from surrogate.search.searchers import GuidedSearcher

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

    def make(
        self,
        problem: SearchProblem,
        *,
        seed: int,
        trainings_each: int = 1,
        limits: Sequence[LimitModel] = (),
    ) -> Searcher:
        """A new searcher."""
        return self.kind(
            problem,
            seed=seed,
            settings=self.settings,
            trainings_each=trainings_each,
            limits=limits,
        )


def searcher_of(name: str, settings: Mapping[str, Any]) -> SearcherChoice:
    """Find a searcher and check its settings.

    Args:
        name: a registered name, or `module:Class` of something that can be imported.
        settings: settings that differ from the defaults.

    Raises:
        UserError: if there is no such searcher, its settings are no dataclass, or one is wrong.
    """
    kind = _kind(name)
    settings_type = getattr(kind, "settings_type", None)
    if not is_dataclass(settings_type):
        raise UserError(
            f"settings_type of searcher {name!r} must be a dataclass, so that results can record "
            f"the settings, but is {settings_type!r}; decorate it with @dataclass(frozen=True)"
        )
    return SearcherChoice(name, kind, checked_settings(name, kind.settings_type, settings))


def _kind(name: str) -> type[Searcher]:
    module_name, colon, class_name = name.partition(":")
    if not colon:
        return SEARCHERS.get(name)
    try:
        module = importlib.import_module(module_name)
    # Whatever the module raises is its author's to fix; --debug shows where.
    except Exception as e:
        raise UserError(
            f"searcher {name!r} must be module:Class, but module {module_name!r} cannot be "
            f"imported: {e!r}; install or fix it, or start from the folder that it is in"
        ) from e
    kind = getattr(module, class_name, None)
    if not (isinstance(kind, type) and issubclass(kind, Searcher)):
        raise UserError(
            f"searcher {name!r} must name a subclass of surrogate.search.Searcher, but "
            f"{class_name!r} in {module_name!r} is {kind!r}"
        )
    return kind
