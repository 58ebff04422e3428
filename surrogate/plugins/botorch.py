"""BoTorch: the stack of predictors as an ensemble model over all functions of a space."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.errors import MissingExtraError, UserError
from graph_encoding.interop.parameters import CellParameters
from surrogate.data.targets import VAL_PER, Target
from surrogate.plugins.cell_problem import merged_dataset
from surrogate.predictors.stack import StackPredictor, StackSettings
from surrogate.search.space import SearchSpace

# A base class cannot be imported late: of all modules only those that use this one load it.
try:
    import torch
    from botorch.models.ensemble import EnsembleModel
except ModuleNotFoundError as e:
    raise MissingExtraError("botorch", "botorch") from e

if TYPE_CHECKING:
    from torch import Tensor


class CellsModel(EnsembleModel):  # type: ignore[misc]  # untyped where it is not installed
    """What the models of a stack predict, one ensemble member per fitted model.

    An input row has the place of each parameter among its choices, see
    `CellParameters.to_indices`. The output is the negative cost, because BoTorch maximises. The
    posterior is of a label without seed noise, and has no gradient: use `optimize_acqf_discrete`
    over `choices`. For several objectives give one model each to BoTorch's `ModelList`.

    Args:
        predictor: a fitted stack.
        target: what it predicts.
        space: an enumerated space.

    Attributes:
        choices: (n, d) one row for each living function of the space, double.
        cells: (n,) their cells.
    """

    def __init__(
        self,
        predictor: StackPredictor,
        target: Target = VAL_PER,
        space: SearchSpace | None = None,
    ) -> None:
        space = SearchSpace() if space is None else space
        functions = space.functions
        labels, weights = predictor.predict_members(functions.graphs)
        super().__init__(weights=torch.tensor(weights))
        self._num_outputs = 1
        self._space, self._cell_parameters = space, CellParameters(space.cells)
        self.cells = functions.cells
        self.choices = self.encode(functions.cells)
        costs = target.to_cost(target.transform.to_raw(labels))
        self.register_buffer("_outputs", torch.tensor(-costs))

    @classmethod
    def fit(
        cls,
        cells: Sequence[Cell],
        values: Sequence[float],
        *,
        target: Target = VAL_PER,
        space: SearchSpace | None = None,
        settings: StackSettings | None = None,
        seed: int = 0,
    ) -> Self:
        """Fit a stack to the values of n cells of at least two functions.

        Raises:
            UserError: if a cell is dead, or lengths differ.
        """
        space = SearchSpace() if space is None else space
        functions = [space.function(cell) for cell in cells]
        for cell, function in zip(cells, functions, strict=True):
            _check_living(cell, is_dead=function.is_dead)
        dataset = merged_dataset(
            target, [function.graph for function in functions], np.asarray(values, dtype=float)
        )
        predictor = StackPredictor(settings)
        predictor.fit(dataset, np.random.default_rng(seed))
        return cls(predictor, target, space)

    def encode(self, cells: Sequence[Cell]) -> "Tensor":
        """(n, d) input rows of n cells, double."""
        rows = [self._cell_parameters.to_indices(cell) for cell in cells]
        return torch.tensor(rows, dtype=torch.double)

    def decode(self, X: "Tensor") -> list[Cell]:
        """The cells of (n, d) input rows.

        Raises:
            UserError: if a number is not whole or out of range.
        """
        return [self._cell_parameters.from_indices(row) for row in X.tolist()]

    @property
    def batch_shape(self) -> torch.Size:
        """Empty: one model of all inputs."""
        return torch.Size([])

    def forward(self, X: "Tensor") -> "Tensor":
        """(..., s, n, 1) outputs of the s members for (..., n, d) inputs.

        Raises:
            UserError: if a row is no cell, or a dead one.
        """
        rows = [self._row(cell) for cell in self.decode(X.reshape(-1, X.shape[-1]))]
        found: Tensor = self._outputs[:, torch.tensor(rows)]
        # The members come before the n points of a batch.
        shaped = found.reshape(-1, *X.shape[:-1]).movedim(0, -2)
        return shaped.unsqueeze(-1).to(X)

    def _row(self, cell: Cell) -> int:
        function = self._space.function(cell)
        _check_living(cell, is_dead=function.is_dead)
        return self._space.functions.row_of[function.key]


def _check_living(cell: Cell, *, is_dead: bool) -> None:
    if is_dead:
        raise UserError(
            f"a model predicts living cells, but {cell.text!r} is dead: its output does not depend "
            "on the input; choose rows of `choices`"
        )
