"""A search-space object with the methods of NASLib's, for code that was written against those.

NASLib itself is not imported. What differs on purpose: accuracies are `1 - PER`, so that more is
better as its optimisers expect; all randomness comes from a generator; a mutation changes flags
as well as operations and leads to another living function; equal functions have equal hashes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError, shown
from surrogate.plugins.cell_problem import CellProblem
from surrogate.search.problem import Quantity

Compact = tuple[tuple[int, ...], ...]
"""A cell as (operation, flags ...) of each node."""

_ACCURACIES = {"val_accuracy": "val_per", "test_accuracy": "test_per"}
_QUANTITIES = {"parameters": "params", "flops": "macs"}
_MOST_MUTATIONS = 1000


@dataclass(frozen=True)
class Neighbour:
    """What `get_nbhd` lists.

    Attributes:
        arch: the neighbour.
    """

    arch: "NasBenchASRSearchSpace"


class NasBenchASRSearchSpace:
    """One cell of the standard space that can be queried, mutated and replaced.

    Args:
        problem: where values come from; its limits and objectives are not used.
        rng: source of all randomness, or its seed. Objects that are made of this one share it.
        latency_setting: what the metric "latency" is.

    Attributes:
        compact: the cell; None at first.
        mutations_tried: mutants of the last `mutate`, with those of the same or a dead function.
    """

    QUERYABLE = True

    def __init__(
        self,
        problem: CellProblem | None = None,
        rng: np.random.Generator | int = 0,
        *,
        latency_setting: str | None = None,
    ) -> None:
        self._problem = CellProblem() if problem is None else problem
        self._rng = np.random.default_rng(rng)
        self._setting = latency_setting
        self.compact: Compact | None = None
        self.mutations_tried = 0

    def set_compact(self, compact: Sequence[Sequence[int]] | Cell | str) -> None:
        """Set the cell: nested as in NASLib, a `Cell` or its text."""
        if isinstance(compact, str):
            compact = Cell.parse(compact)
        cell = compact if isinstance(compact, Cell) else Cell.from_arch_vec(compact)
        self.compact = tuple(tuple(node) for node in cell.arch_vec)

    def get_compact(self) -> Compact:
        """The cell.

        Raises:
            UserError: if there is none.
        """
        if self.compact is None:
            raise UserError(
                "the object must have a cell, but has none; call set_compact or "
                "sample_random_architecture first"
            )
        return self.compact

    @property
    def cell(self) -> Cell:
        """The cell; raises as `get_compact`."""
        return Cell.from_arch_vec(self.get_compact())

    def get_hash(self) -> str:
        """The functional key: equal for all cells of one function; raises as `get_compact`."""
        return self._problem.search.space.function(self.cell).key

    def get_type(self) -> str:
        """The name of the space in NASLib."""
        return "asr"

    def get_max_epochs(self) -> int:
        """The last valid `epoch`, which counts from 0."""
        return self._problem.epochs - 1

    def query(
        self,
        metric: Any = "val_per",
        dataset: Any = None,  # noqa: ARG002 - there is one
        path: Any = None,  # noqa: ARG002 - the problem knows it
        epoch: int = -1,
        full_lc: bool = False,
        dataset_api: Any = None,  # noqa: ARG002 - the problem is used
    ) -> float | list[float]:
        """A value of the cell; equal to that of `Benchmark.query`.

        Args:
            metric: a member of NASLib's `Metric`, or its name: val_accuracy, test_accuracy (both
                `1 - PER`), parameters, flops (multiply-accumulates) or latency; or a label of the
                table, such as val_per, which is an error rate.
            dataset: ignored.
            path: ignored.
            epoch: from 0; -1 is the label, a mean of the last epochs.
            full_lc: return the learning curve, with `epoch` >= 0 the part before that epoch.
            dataset_api: ignored.

        Raises:
            NoValueError: if the cell is dead or was not trained with the seed.
            UserError: if the metric is unknown, or the epoch out of range.
        """
        name = str(getattr(metric, "name", metric)).lower()
        sign, offset = (-1.0, 1.0) if name in _ACCURACIES else (1.0, 0.0)
        name = _ACCURACIES.get(name, _QUANTITIES.get(name, name))
        if name == "latency":
            name = self._latency()
        if not -1 <= epoch <= self.get_max_epochs():
            raise UserError(f"an epoch must be in 0 .. {self.get_max_epochs()} or -1, not {epoch}")
        if full_lc:
            if name != "val_per":
                raise UserError(f"only val_per has a learning curve, but got {shown(metric)}")
            curve = [offset + sign * per for per in self._problem.curve(self.cell)]
            return curve if epoch == -1 else curve[:epoch]
        quantity = Quantity.of(name)
        at = epoch + 1 if epoch >= 0 and quantity.kind == "target" else None
        return offset + sign * self._problem.value(quantity, self.cell, epoch=at)

    def sample_random_architecture(self, dataset_api: Any = None) -> Compact:  # noqa: ARG002
        """Set a cell of a living function, each function equally likely."""
        self.set_compact(next(self._problem.search.space.random_cells(self._rng)))
        return self.get_compact()

    def mutate(
        self,
        parent: "NasBenchASRSearchSpace",
        mutation_rate: int = 1,
        dataset_api: Any = None,  # noqa: ARG002 - the problem is used
    ) -> None:
        """Set a mutant of a parent: `mutation_rate` steps, each of one operation or one flag.

        Mutants that compute the parent's function, or a dead one, are drawn again.

        Raises:
            UserError: if the rate is below 1, or 1000 mutants are no other living function.
        """
        if mutation_rate < 1:
            raise UserError(f"a mutation_rate must be >= 1, but got {mutation_rate}")
        space = self._problem.search.space
        for tried in range(1, _MOST_MUTATIONS + 1):
            cell = parent.cell
            for _ in range(int(mutation_rate)):
                cell = space.cells.mutate(cell, self._rng)
            function = space.function(cell)
            if not function.is_dead and function.key != parent.get_hash():
                self.mutations_tried = tried
                self.set_compact(cell)
                return
        raise UserError(
            f"a mutant must be another living function, but {_MOST_MUTATIONS} of cell "
            f"{parent.cell.text!r} are not; choose a greater mutation_rate"
        )

    def get_nbhd(self, dataset_api: Any = None) -> list[Neighbour]:  # noqa: ARG002
        """Each other living function one step away, once, in random order."""
        space = self._problem.search.space
        found: dict[str, Cell] = {}
        for cell in space.cells.neighbours(self.cell):
            function = space.function(cell)
            if not function.is_dead and function.key != self.get_hash():
                found.setdefault(function.key, cell)
        cells = list(found.values())
        return [Neighbour(self._of(cells[i])) for i in self._rng.permutation(len(cells))]

    def get_arch_iterator(self, dataset_api: Any = None) -> Iterator[Compact]:  # noqa: ARG002
        """A cell of each living function."""
        for cell in self._problem.search.space.functions.cells:
            yield tuple(tuple(node) for node in cell.arch_vec)

    def clone(self) -> "NasBenchASRSearchSpace":
        """An object of the same cell and the same generator."""
        return self._of(self.cell)

    def _of(self, cell: Cell) -> Self:
        other = type(self)(self._problem, self._rng, latency_setting=self._setting)
        other.set_compact(cell)
        return other

    def _latency(self) -> str:
        if self._setting is None:
            raise UserError(
                "the metric latency needs a setting; give latency_setting, one of "
                f"{', '.join(self._problem.benchmark.table.latency.settings) or 'none'}"
            )
        return self._setting
