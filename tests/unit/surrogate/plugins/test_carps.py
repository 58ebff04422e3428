"""CARP-S on cells: its optimisers, its loop, and how it learns of failures."""

import numpy as np
import pytest

from graph_encoding.common.errors import UserError
from graph_encoding.functional_identity import is_dead
from graph_encoding.semantics import Semantics
from surrogate.plugins.cell_problem import CellProblem
from tests.unit.surrogate.plugins.shipped import DEAD, SEED, shipped

pytest.importorskip("carps", reason="CARP-S is not installed: `make plugins` tests it")
# CARP-S's own use of what its requirements deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")

from carps.optimizers.random_search import RandomSearchOptimizer
from carps.utils.task import (
    FidelitySpace,
    InputSpace,
    OptimizationResources,
    OutputSpace,
    Task,
    TaskMetadata,
)
from carps.utils.trials import StatusType, TrialInfo

from surrogate.plugins.carps import CellsObjective
from surrogate.plugins.configspace import cell_of, configuration_of


def task_of(objective: CellsObjective, trials: int = 30) -> Task:
    names = objective.cells.names
    return Task(
        name="nasasr",
        seed=0,
        objective_function=objective,
        input_space=InputSpace(
            configuration_space=objective.configspace,
            fidelity_space=FidelitySpace(
                is_multifidelity=False, fidelity_type=None, min_fidelity=None, max_fidelity=None
            ),
        ),
        output_space=OutputSpace(n_objectives=len(names), objectives=names),
        optimization_resources=OptimizationResources(n_trials=trials),
        metadata=TaskMetadata(domain="NAS", objective_function_approximation="tabular"),
    )


def test_thirty_trials_have_the_values_of_single_queries() -> None:
    objective = CellsObjective(CellProblem(shipped(), seed=SEED))
    optimiser = RandomSearchOptimizer(task_of(objective))
    optimiser.setup_optimizer()
    optimiser.run()
    assert objective.n_trials == len(optimiser.history) == 30
    for info, value in optimiser.history:
        cell = cell_of(info.config)
        if is_dead(cell, Semantics.PAPER):
            assert (value.status, value.cost) == (StatusType.CRASHED, np.inf)
        else:
            assert value.status == StatusType.SUCCESS
            assert value.cost == shipped().query(cell, seed=SEED).value


def test_another_optimiser_reaches_its_end() -> None:
    optuna = pytest.importorskip("optuna", reason="this optimiser of CARP-S needs Optuna")
    from carps.optimizers.optuna import OptunaOptimizer
    from omegaconf import OmegaConf

    objective = CellsObjective(CellProblem(shipped(), seed=SEED))
    sampler = optuna.samplers.TPESampler(seed=1)
    settings = OmegaConf.create({"study": {"sampler": sampler}}, flags={"allow_objects": True})
    optimiser = OptunaOptimizer(task_of(objective), settings)
    optimiser.setup_optimizer()
    optimiser.run()
    assert objective.n_trials == 30


def test_budgets_are_epochs() -> None:
    objective = CellsObjective(CellProblem(shipped(), seed=SEED))
    one = configuration_of("10_100_1000", objective.configspace)
    value = objective.evaluate(TrialInfo(config=one, budget=3, seed=5))
    assert value.cost == shipped().query("10_100_1000", seed=SEED, epoch=3).value
    with pytest.raises(UserError, match=r"must be in 1 \.\. 20, but got 21"):
        objective.evaluate(TrialInfo(config=one, budget=21))


def test_several_objectives_dead_cells_and_duplicates() -> None:
    objective = CellsObjective(CellProblem(shipped(), ("val_per", "macs")))
    assert objective.f_min is None
    dead, *both = (
        objective.evaluate(TrialInfo(config=configuration_of(cell, objective.configspace)))
        for cell in (DEAD, "10_100_1000", "10_100_1000")
    )
    assert (dead.status, dead.cost) == (StatusType.CRASHED, [np.inf, np.inf])
    assert both[0].cost == both[1].cost
    assert both[0].cost[0] == shipped().query("10_100_1000").value


def test_the_minimum_is_that_of_the_whole_space() -> None:
    assert CellsObjective(CellProblem(shipped())).f_min == np.nanmin(shipped().arrays().value)
