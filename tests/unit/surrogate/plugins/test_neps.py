"""NePS on cells: its loop, its fidelities, and how it learns of failures."""

from pathlib import Path

import pytest

from graph_encoding.common.errors import UserError
from graph_encoding.functional_identity import is_dead
from graph_encoding.semantics import Semantics
from surrogate.plugins.cell_problem import CellProblem, NoValueError
from tests.unit.surrogate.plugins.shipped import DEAD, SEED, shipped

neps = pytest.importorskip("neps", reason="NePS is not installed: `make plugins` tests it")
# NePS's own use of what its requirements deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")

from surrogate.plugins.neps import FIDELITY, cell_space, evaluate_pipeline


@pytest.mark.parametrize("optimiser", ["random_search", "neps_regularized_evolution"])
def test_thirty_evaluations_have_the_values_of_single_queries(
    optimiser: str, tmp_path: Path
) -> None:
    cells = CellProblem(shipped(), seed=SEED)
    evaluate = evaluate_pipeline(cells)
    seen = []

    def evaluated(**parameters: object) -> dict[str, object]:
        result = evaluate(**parameters)
        seen.append((cells.parameters.decode(parameters), result))
        return result

    neps.run(
        evaluated,
        cell_space(),
        root_directory=str(tmp_path / "run"),
        optimizer=optimiser,
        total_evaluations_to_spend=30,
        ignore_errors=True,
    )
    assert len(seen) == 30
    for cell, result in seen:
        if is_dead(cell, Semantics.PAPER):
            assert isinstance(result["exception"], NoValueError)
        else:
            value = shipped().query(cell, seed=SEED).value
            assert result == {"objective_to_minimize": value, "cost": 20.0}


def test_epochs_are_the_fidelity(tmp_path: Path) -> None:
    cells = CellProblem(shipped(), seed=SEED)
    evaluate = evaluate_pipeline(cells)
    epochs = []

    def evaluated(**parameters: object) -> dict[str, object]:
        result = evaluate(**parameters)
        epochs.append(parameters.pop(FIDELITY))
        cell = cells.parameters.decode(parameters)
        if "exception" not in result:
            value = shipped().query(cell, seed=SEED, epoch=epochs[-1]).value
            assert result == {"objective_to_minimize": value, "cost": float(epochs[-1])}
        return result

    neps.run(
        evaluated,
        cell_space(epochs=cells.epochs),
        root_directory=str(tmp_path / "run"),
        optimizer="neps_hyperband",
        total_evaluations_to_spend=30,
        ignore_errors=True,
    )
    assert len(epochs) == 30
    assert len(set(epochs)) >= 2


def test_several_objectives_and_duplicates() -> None:
    cells = CellProblem(shipped(), ("val_per", "macs"))
    parameters = cells.parameters.encode("10_100_1000")
    first, second = (evaluate_pipeline(cells)(**parameters) for _ in range(2))
    assert first == second
    assert first["objective_to_minimize"][0] == shipped().query("10_100_1000").value


def test_dead_cells_fail_and_wrong_epochs_and_seeds_are_errors() -> None:
    cells = CellProblem(shipped())
    dead = evaluate_pipeline(cells)(**cells.parameters.encode(DEAD))
    assert isinstance(dead["exception"], NoValueError)
    with pytest.raises(UserError, match=r"must be in 1 \.\. 20, but got 21"):
        evaluate_pipeline(cells)(epoch=21, **cells.parameters.encode("10_100_1000"))
    with pytest.raises(UserError, match="has the seeds"):
        CellProblem(shipped(), seed=7)
