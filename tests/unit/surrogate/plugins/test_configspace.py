"""The space of cells as SMAC has it, and SMAC's facades on it."""

from pathlib import Path

import pytest

from graph_encoding.common.errors import UserError
from graph_encoding.functional_identity import is_dead
from graph_encoding.interop.parameters import CellParameters
from graph_encoding.semantics import Semantics
from graph_encoding.space import CellSpace
from surrogate.plugins.cell_problem import CellProblem, NoValueError
from tests.unit.surrogate.plugins.shipped import DEAD, SEED, shipped

pytest.importorskip("ConfigSpace", reason="ConfigSpace is not installed: `make plugins` tests it")
# SMAC's own use of what its requirements deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")

from surrogate.plugins.configspace import cell_of, cell_space, configuration_of, smac_target


def test_cells_survive_the_round_trip() -> None:
    space = cell_space(seed=1)
    for index in range(0, CellSpace().size, 97):
        cell = CellSpace().cell(index)
        assert cell_of(configuration_of(cell, space)) == cell
    assert len({cell_of(found).text for found in space.sample_configuration(40)}) == 40


def test_an_extended_space() -> None:
    parameters = CellParameters(CellSpace(nodes=4, ops=("conv3", "zero")))
    space = cell_space(parameters, seed=1)
    assert list(space) and set(space) == set(parameters.choices)
    drawn = space.sample_configuration()
    assert configuration_of(cell_of(drawn, parameters), space, parameters) == drawn


def test_others_spaces_are_refused() -> None:
    parameters = CellParameters(CellSpace(nodes=2))
    with pytest.raises(UserError, match="must have the parameters"):
        cell_of(cell_space().sample_configuration(), parameters)


def test_targets_are_single_queries() -> None:
    space = cell_space()
    one = configuration_of("10_100_1000", space)
    value = shipped().query("10_100_1000", seed=SEED).value
    assert smac_target(CellProblem(shipped(), seed=SEED))(one, seed=7) == value
    both = smac_target(CellProblem(shipped(), ("val_per", "macs"), seed=SEED))(one)
    assert isinstance(both, dict)
    assert both["val_per"] == value
    by_epoch = smac_target(CellProblem(shipped(), seed=SEED), with_epochs=True)
    assert by_epoch(one, budget=3.0) == shipped().query("10_100_1000", seed=SEED, epoch=3).value
    with pytest.raises(UserError, match=r"must be in 1 \.\. 20, but got 21"):
        by_epoch(one, budget=21)
    with pytest.raises(NoValueError, match="dead"):
        smac_target(CellProblem(shipped()))(configuration_of(DEAD, space))


def test_thirty_trials_of_smac_have_the_values_of_single_queries(tmp_path: Path) -> None:
    smac = pytest.importorskip("smac", reason="SMAC is not installed: `make plugins` tests it")
    cells = CellProblem(shipped(), seed=SEED)
    scenario = smac.Scenario(
        cell_space(seed=0),
        n_trials=30,
        deterministic=True,
        seed=0,
        output_directory=tmp_path,
        crash_cost=1.0,
    )
    facade = smac.HyperparameterOptimizationFacade(
        scenario, smac_target(cells), overwrite=True, logging_level=False
    )
    best = facade.optimize()
    assert len(facade.runhistory) == 30
    for key, value in facade.runhistory.items():
        cell = cell_of(facade.runhistory.get_config(key.config_id))
        if is_dead(cell, Semantics.PAPER):
            assert value.status.name == "CRASHED"
        else:
            assert value.status.name == "SUCCESS"
            assert value.cost == shipped().query(cell, seed=SEED).value
    costs = [value.cost for value in facade.runhistory.values()]
    assert shipped().query(cell_of(best), seed=SEED).value == min(costs)


def test_epochs_are_the_budget_of_successive_halving(tmp_path: Path) -> None:
    smac = pytest.importorskip("smac", reason="SMAC is not installed: `make plugins` tests it")
    cells = CellProblem(shipped(), seed=SEED)
    scenario = smac.Scenario(
        cell_space(seed=0),
        n_trials=30,
        deterministic=True,
        min_budget=2,
        max_budget=cells.epochs,
        seed=0,
        output_directory=tmp_path,
    )
    facade = smac.MultiFidelityFacade(
        scenario, smac_target(cells, with_epochs=True), overwrite=True, logging_level=False
    )
    facade.optimize()
    budgets = set()
    for key, value in facade.runhistory.items():
        cell = cell_of(facade.runhistory.get_config(key.config_id))
        if value.status.name == "SUCCESS":
            epoch = round(key.budget)
            budgets.add(epoch)
            assert value.cost == shipped().query(cell, seed=SEED, epoch=epoch).value
    assert len(budgets) >= 2
