"""Labels of another recipe that a search starts from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.common.hashing import content_hash
from graph_encoding.semantics import Semantics
from surrogate.data.targets import FloatArray
from surrogate.forecasting.forecast import Forecaster
from surrogate.search.problem import SearchProblem

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable


@dataclass(frozen=True, eq=False)
class WarmStart:
    """Functions of the space with labels of another recipe.

    Only their order matters: a searcher learns how far the two recipes agree.

    Attributes:
        source: where the labels come from, in words.
        cells: (k,) a living cell of each function, each function once.
        costs: name of a target -> (k,) its cost, lower is better.
    """

    source: str
    cells: tuple[Cell, ...]
    costs: Mapping[str, FloatArray]

    @property
    def content_sha256(self) -> str:
        """Checksum of the labels."""
        costs = {name: column.tolist() for name, column in self.costs.items()}
        return content_hash([[cell.text for cell in self.cells], costs])

    @classmethod
    def of_table(
        cls,
        table: "BenchmarkTable",
        problem: SearchProblem,
        *,
        functions: int,
        seed: int = 0,
        searched_recipe: str | None = None,
    ) -> Self:
        """Mean labels of random functions of a table.

        Args:
            table: trainings by another recipe.
            problem: what is searched for.
            functions: functions to take, >= 2; all that the table has if they are fewer.
            seed: which functions are taken.
            searched_recipe: hash of the recipe that the search evaluates, which must differ.

        Raises:
            UserError: if the table has the searched recipe, reads cells otherwise, or has fewer
                than 2 functions of the space with all targets.
        """
        metadata = table.metadata
        if metadata.recipe_hash == searched_recipe:
            raise UserError(
                f"a warm start must be from another recipe, but table {metadata.name!r} has the "
                "recipe that is searched: its labels would be those that the search has to find"
            )
        if Semantics(metadata.semantics) is not problem.space.semantics:
            raise UserError(
                f"a warm start must read cells as the search does, "
                f"{problem.space.semantics.value!r}, but table {metadata.name!r} reads them as "
                f"{metadata.semantics!r}"
            )
        targets = [q for q in problem.objectives if q.target is not None]
        found: dict[Cell, list[float]] = {}
        for key in table.keys:
            cell = Cell.parse(table.cell_of(key))
            labels = [table.labels_of(key, q.target.label) for q in targets if q.target]
            if _is_of(problem, cell) and all(labels):
                means = [float(np.mean(list(of_seed.values()))) for of_seed in labels]
                found[cell] = [q.to_cost(m) for q, m in zip(targets, means, strict=True)]
        return cls._of(f"table {metadata.name}", problem, found, functions, seed)

    @classmethod
    def of_artifact(
        cls, forecaster: Forecaster, problem: SearchProblem, *, functions: int, seed: int = 0
    ) -> Self:
        """Forecasts of random functions by an artifact of another recipe.

        Args:
            forecaster: the artifact's.
            problem: what is searched for.
            functions: functions to take, >= 2.
            seed: which functions are taken.

        Raises:
            UserError: if the artifact has no such target.
        """
        rng = np.random.default_rng(seed)
        cells: dict[str, Cell] = {}
        for cell in problem.space.random_cells(rng):
            function = problem.space.function(cell)
            if not function.is_dead:
                cells.setdefault(function.key, cell)
            if len(cells) >= functions:
                break
        targets = [q for q in problem.objectives if q.target is not None]
        forecasts = forecaster.forecast(
            list(cells.values()), targets=[q.name for q in targets], curve=False, latency=False
        )
        found: dict[Cell, list[float]] = {}
        for cell, forecast in zip(cells.values(), forecasts, strict=True):
            means = {of.target: of.mean for of in forecast.targets}
            found[cell] = [q.to_cost(means[q.name]) for q in targets]
        source = f"forecasts of {forecaster.metadata.name}"
        return cls._of(source, problem, found, functions, seed)

    @classmethod
    def _of(
        cls,
        source: str,
        problem: SearchProblem,
        found: Mapping[Cell, list[float]],
        functions: int,
        seed: int,
    ) -> Self:
        if functions < 2 or len(found) < 2:
            raise UserError(
                "a warm start must have at least 2 functions of the space, but has "
                f"{min(functions, len(found))} from {source}"
            )
        cells = sorted(found, key=lambda cell: cell.text)
        order = np.random.default_rng(seed).permutation(len(cells))[:functions]
        chosen = tuple(cells[i] for i in sorted(order.tolist()))
        names = [q.name for q in problem.objectives if q.target is not None]
        columns = np.array([found[cell] for cell in chosen]).T
        return cls(
            f"{len(chosen)} functions of {source}", chosen, dict(zip(names, columns, strict=True))
        )


def _is_of(problem: SearchProblem, cell: Cell) -> bool:
    """Whether a cell is a living one of the space."""
    space = problem.space
    return (
        cell.nodes == space.nodes
        and set(cell.ops) <= set(space.ops)
        and not space.function(cell).is_dead
    )
