"""pymoo's algorithms on cells: values, constraints, and vectors that are no cells."""

import numpy as np
import pytest

from graph_encoding.common.errors import UserError
from surrogate.plugins.cell_problem import CellProblem
from tests.unit.surrogate.plugins.shipped import DEAD, SEED, partly_measured, shipped

pytest.importorskip("pymoo", reason="pymoo is not installed: `make plugins` tests it")
# It draws figures in colours that newer versions of its own requirements deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")

from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.algorithms.soo.nonconvex.ga import GA
from pymoo.operators.crossover.pntx import TwoPointCrossover
from pymoo.operators.mutation.pm import PolynomialMutation
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.operators.sampling.rnd import IntegerRandomSampling
from pymoo.optimize import minimize

from surrogate.plugins.pymoo import WORST, CellsProblem

OPERATORS = {
    "sampling": IntegerRandomSampling(),
    "crossover": TwoPointCrossover(),
    "mutation": PolynomialMutation(vtype=float, repair=RoundingRepair()),
}


def test_thirty_evaluations_have_the_values_of_single_queries() -> None:
    problem = CellsProblem(CellProblem(shipped(), seed=SEED))
    found = minimize(
        problem, GA(pop_size=10, **OPERATORS), ("n_eval", 30), seed=1, save_history=True
    )
    assert found.algorithm.evaluator.n_eval == 30
    for state in found.history:
        for individual in state.pop:
            if individual.F[0] < WORST:
                cell = problem.cell_of(individual.X)
                assert individual.F[0] == shipped().query(cell, seed=SEED).value
    assert found.F[0] == min(state.opt[0].F[0] for state in found.history)


def test_several_objectives_stay_within_the_limits() -> None:
    cells = CellProblem(shipped(), ("val_per", "macs"), limits={"params": 220_000})
    problem = CellsProblem(cells)
    found = minimize(problem, NSGA2(pop_size=20, **OPERATORS), ("n_gen", 10), seed=1)
    for x, costs in zip(found.X, found.F, strict=True):
        values = cells.values(problem.cell_of(x))
        assert values["params"] <= 220_000
        assert tuple(costs) == (values["val_per"], values["macs"])
    # No point of the true front is worse than what was found.
    assert not (cells.front[:, None] > found.F[None]).all(axis=2).any()


def test_dead_cells_are_infeasible_and_duplicates_are_equal() -> None:
    problem = CellsProblem(CellProblem(shipped(), limits={"params": 220_000}))
    rows = [problem.cells.parameters.to_indices(cell) for cell in (DEAD, *["10_100_1000"] * 2)]
    out = problem.evaluate(np.array(rows), return_as_dictionary=True)
    assert out["F"][0] == WORST
    assert (out["G"][0] > 0).all()
    assert out["F"][1] == out["F"][2] == shipped().query("10_100_1000").value
    assert out["G"][1][0] < 0


def test_forecasts_are_evaluated_too() -> None:
    problem = CellsProblem(CellProblem(partly_measured()))
    row = problem.cells.parameters.to_indices("30_411_2010")
    value = partly_measured().query("30_411_2010").value
    assert problem.evaluate(np.array([row]), return_values_of=["F"])[0, 0] == pytest.approx(value)


def test_vectors_that_are_no_cells_are_refused() -> None:
    problem = CellsProblem(CellProblem(shipped()))
    for row in (np.full(9, 0.5), np.full(9, 7), np.zeros(8), np.full(9, np.nan)):
        with pytest.raises(UserError, match="must have 9 whole numbers"):
            problem.cell_of(row)
