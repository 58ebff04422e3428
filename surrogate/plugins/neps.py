"""NePS: the space of cells, and a pipeline that evaluates one."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from graph_encoding.common.errors import MissingExtraError
from graph_encoding.interop.parameters import CellParameters
from surrogate.plugins.cell_problem import CellProblem, NoValueError

if TYPE_CHECKING:
    from neps import PipelineSpace

FIDELITY = "epoch"


def cell_space(
    parameters: CellParameters | None = None, *, epochs: int | None = None
) -> "PipelineSpace":
    """A categorical parameter for each operation and each skip flag.

    Args:
        parameters: the space; by default the standard one.
        epochs: with it, `epoch` from 1 to that number is the fidelity.

    Raises:
        MissingExtraError: if NePS is not installed.
    """
    try:
        import neps
    except ModuleNotFoundError as e:
        raise MissingExtraError("neural-pipeline-search", None) from e
    parameters = CellParameters() if parameters is None else parameters
    attributes: dict[str, Any] = {
        name: neps.Categorical(of) for name, of in parameters.choices.items()
    }
    if epochs is not None:
        attributes[FIDELITY] = neps.IntegerFidelity(1, epochs)
    found: PipelineSpace = type("CellSpace", (neps.PipelineSpace,), attributes)()
    return found


def evaluate_pipeline(cells: CellProblem) -> Callable[..., dict[str, Any]]:
    """What `neps.run` evaluates: costs, and epochs as the cost of an evaluation.

    A cell without a value, such as a dead one, is a failed evaluation: the result has the error.

    Args:
        cells: objectives and seed.
    """

    def evaluate(epoch: int | None = None, **parameters: Any) -> dict[str, Any]:
        cell = cells.parameters.decode(parameters)
        spent = cells.epochs if epoch is None else epoch
        try:
            costs = cells.costs(cell, epoch=epoch)
        except NoValueError as e:
            return {"exception": e, "cost": float(spent)}
        objective = costs[0] if len(costs) == 1 else list(costs)
        return {"objective_to_minimize": objective, "cost": float(spent)}

    return evaluate
