"""ConfigSpace and SMAC: the space of cells, and a target function."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from graph_encoding.cell import Cell
from graph_encoding.common.errors import MissingExtraError
from graph_encoding.interop.parameters import CellParameters
from surrogate.plugins.cell_problem import CellProblem

if TYPE_CHECKING:
    from ConfigSpace import Configuration, ConfigurationSpace


def cell_space(
    parameters: CellParameters | None = None, *, seed: int | None = None
) -> "ConfigurationSpace":
    """A categorical hyperparameter for each operation and each skip flag.

    Args:
        parameters: the space; by default the standard one.
        seed: of the space's own random draws.

    Raises:
        MissingExtraError: if ConfigSpace is not installed.
    """
    try:
        from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace
    except ModuleNotFoundError as e:
        raise MissingExtraError("ConfigSpace", "smac") from e
    parameters = CellParameters() if parameters is None else parameters
    space = ConfigurationSpace(name="nasasr", seed=seed)
    space.add([CategoricalHyperparameter(name, of) for name, of in parameters.choices.items()])
    return space


def cell_of(
    configuration: "Configuration | dict[str, Any]", parameters: CellParameters | None = None
) -> Cell:
    """The cell of a configuration of `cell_space`.

    Raises:
        UserError: if it is none of that space.
    """
    parameters = CellParameters() if parameters is None else parameters
    return parameters.decode(dict(configuration))


def configuration_of(
    cell: Cell | str, space: "ConfigurationSpace", parameters: CellParameters | None = None
) -> "Configuration":
    """The configuration of a cell; the inverse of `cell_of`.

    Raises:
        UserError: if the cell is not in the space of the parameters.
    """
    from ConfigSpace import Configuration

    parameters = CellParameters() if parameters is None else parameters
    return Configuration(space, values=parameters.encode(cell))


def smac_target(
    cells: CellProblem, *, with_epochs: bool = False
) -> Callable[..., float | dict[str, float]]:
    """A target function for SMAC's facades.

    It raises `NoValueError` for a dead cell, which SMAC counts as a crashed trial: the scenario
    needs a finite `crash_cost`, because SMAC's model fails on its own, which is infinite. The
    trainings are those of the problem's seed: SMAC's own seeds are no seeds of a table.

    Args:
        cells: objectives; limits are not SMAC's.
        with_epochs: whether the function takes a budget, which is an epoch: its value is then the
            validation PER after this epoch.

    Returns:
        A function of a configuration and a seed, and with epochs of a budget. Its value is a
        number, or with several objectives one for each name.
    """

    def target(
        config: "Configuration",
        seed: int = 0,  # noqa: ARG001 - SMAC gives it by name
    ) -> float | dict[str, float]:
        return _costs(cells, config, None)

    def target_with_budget(
        config: "Configuration",
        seed: int = 0,  # noqa: ARG001 - SMAC gives it by name
        budget: float | None = None,
    ) -> float | dict[str, float]:
        return _costs(cells, config, None if budget is None else round(budget))

    return target_with_budget if with_epochs else target


def _costs(
    cells: CellProblem, config: "Configuration", epoch: int | None
) -> float | dict[str, float]:
    costs = cells.costs(cell_of(config, cells.parameters), epoch=epoch)
    return costs[0] if len(costs) == 1 else dict(zip(cells.names, costs, strict=True))
