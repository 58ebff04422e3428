"""EvoXBench: cells as its search space, evaluator and benchmark."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graph_encoding.cell import Cell
from graph_encoding.common.errors import MissingExtraError
from surrogate.data.targets import FloatArray
from surrogate.plugins.cell_problem import CellProblem, NoValueError

# A base class cannot be imported late: of all modules only those that use this one load it.
try:
    from evoxbench.modules import Benchmark, Evaluator, SearchSpace
except ModuleNotFoundError as e:
    raise MissingExtraError("evoxbench", None) from e

if TYPE_CHECKING:
    from train_benchmark.table.query import SeedChoice

NO_VALUE = float("inf")
"""Objectives of a cell without a value, such as a dead one: no archive keeps it."""


class CellsSearchSpace(SearchSpace):  # type: ignore[misc]  # untyped
    """Cells as texts, and as vectors of the place of each parameter among its choices.

    Args:
        cells: has the space.
        seed: start of the draws of `sample`.
    """

    def __init__(self, cells: CellProblem, seed: int | None = None) -> None:
        super().__init__()
        self._cells, self._rng = cells, np.random.default_rng(seed)
        choices = cells.parameters.choices.values()
        self.n_var = len(choices)
        self.lb = [0] * self.n_var
        self.ub = [len(of) - 1 for of in choices]
        self.categories = [list(range(len(of))) for of in choices]

    @property
    def name(self) -> str:
        """Name of the space."""
        return "NASASRSearchSpace"

    def _sample(self) -> str:
        return next(self._cells.search.space.random_cells(self._rng)).text

    def _encode(self, arch: str) -> NDArray[np.int64]:
        return np.array(self._cells.parameters.to_indices(arch), dtype=np.int64)

    def _decode(self, x: Iterable[Any]) -> str:
        return self._cells.parameters.from_indices(x).text

    def visualize(self, arch: str) -> str:
        """The cell's expression, which is its functional key."""
        return self._cells.search.space.function(Cell.parse(arch)).key


class CellsEvaluator(Evaluator):  # type: ignore[misc]  # untyped
    """Costs of cells; what a search sees, or with `true_eval` what it is judged by.

    Args:
        cells: objectives.
        seed: seed of the trainings that a search sees; by default the first of the table.
    """

    def __init__(self, cells: CellProblem, seed: "SeedChoice | None" = None) -> None:
        super().__init__("&".join(cells.names))
        self._cells = cells
        self._seed = cells.benchmark.table.seeds[0] if seed is None else seed

    @property
    def name(self) -> str:
        """Name of the evaluator."""
        return "NASASREvaluator"

    def evaluate(
        self, archs: Iterable[str], objs: str | None = None, true_eval: bool = False, **_: Any
    ) -> list[dict[str, float]]:
        """Name of each objective -> its cost, for n cells.

        Args:
            archs: texts of cells.
            objs: names of objectives, joined by "&"; by default all.
            true_eval: the mean of all seeds of a function instead of one seed.

        Returns:
            One dictionary per cell; `NO_VALUE` of a cell that is dead or lacks the seed.
        """
        names = (self.objs if objs is None else objs).split("&")
        seed: SeedChoice = "mean" if true_eval else self._seed
        return [self._evaluated(Cell.parse(arch), names, seed) for arch in archs]

    def _evaluated(self, cell: Cell, names: list[str], seed: "SeedChoice") -> dict[str, float]:
        try:
            costs = self._cells.costs(cell, seed=seed)
        except NoValueError:
            return dict.fromkeys(names, NO_VALUE)
        found = dict(zip(self._cells.names, costs, strict=True))
        return {name: found[name] for name in names}


class CellsBenchmark(Benchmark):  # type: ignore[misc]  # untyped
    """Cells as a benchmark with a Pareto front, so that its indicators work.

    Args:
        cells: objectives; the front is of the means over seeds.
        seed: seed of the trainings that a search sees; by default the first of the table.
        normalized_objectives: as in EvoXBench.
    """

    def __init__(
        self,
        cells: CellProblem,
        seed: "SeedChoice | None" = None,
        normalized_objectives: bool = False,
    ) -> None:
        super().__init__(CellsSearchSpace(cells), CellsEvaluator(cells, seed))
        self.normalized_objectives = normalized_objectives
        self._cells = cells
        # Neither seed nor limits: a search is judged by means, and EvoXBench knows no limits.
        self._truth = CellProblem(cells.benchmark, cells.names, space=cells.search.space)

    @property
    def name(self) -> str:
        """Name of the benchmark."""
        return f"NASASRBenchmark({self._cells.benchmark.table.metadata.name})"

    @property
    def pareto_front(self) -> FloatArray:
        """(f, m) costs of the Pareto front of the whole space."""
        return self._truth.front
