"""Searchers by name, and by module and class."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from surrogate.search import SEARCHERS, Searcher, SearchProblem, register_searcher, searcher_of
from surrogate.search.searchers import RandomSearcher, RandomSettings
from tests.unit.surrogate.search.helpers import SMALL


@dataclass(frozen=True)
class MySettings:
    """Settings of a plug-in."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    first: int = 0


class InOrder(Searcher):
    """Functions in the order of the space."""

    name = "in-order"
    settings_type = MySettings

    def _propose(self, count: int) -> Sequence[Cell]:
        rows = self.open_rows
        return [SMALL.functions.cells[row] for row in rows[rows >= self.settings.first][:count]]


class Unfinished(Searcher):
    """Proposes nothing."""

    name = "unfinished"
    settings_type = MySettings


class NoSettings(InOrder):
    name = "no-settings"
    settings_type = int


def test_a_searcher_of_another_module_is_named_by_its_class() -> None:
    choice = searcher_of(f"{__name__}:InOrder", {"first": 4})
    searcher = choice.make(SearchProblem(space=SMALL), seed=0)
    assert searcher.ask(3) == list(SMALL.functions.cells[4:7])
    assert searcher.about()["settings"] == {"first": 4}


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("none", {}, "unknown searcher 'none'; known: "),
        ("no_module:Class", {}, "'no_module' cannot be imported"),
        (f"{__name__}:MySettings", {}, "subclass of Searcher"),
        (f"{__name__}:Unfinished", {}, "implement all abstract methods, but lacks _propose"),
        (f"{__name__}:NoSettings", {}, "must be a dataclass"),
        (f"{__name__}:InOrder", {"last": 1}, r"\(first\)"),
        (f"{__name__}:InOrder", {"first": "1"}, "first"),
    ],
)
def test_what_is_no_searcher_is_refused(
    name: str, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        searcher_of(name, settings)


def test_a_name_is_of_one_class() -> None:
    assert register_searcher(RandomSearcher) is RandomSearcher

    class Other(RandomSearcher):
        settings_type = RandomSettings

    with pytest.raises(UserError, match="searcher names must be unique"):
        register_searcher(Other)
    assert SEARCHERS.get("random") is RandomSearcher
