"""EvoXBench's interface on cells: noisy values for a search, means for its judge."""

import numpy as np
import pytest

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.functional_identity import is_dead
from graph_encoding.semantics import Semantics
from surrogate.plugins.cell_problem import CellProblem
from tests.unit.surrogate.plugins.shipped import DEAD, SEED, shipped, without_seed

pytest.importorskip("evoxbench", reason="EvoXBench is not installed: `make plugins` tests it")
# Importing EvoXBench prints a notice; its indicators are those of pymoo.
pytestmark = pytest.mark.filterwarnings("ignore")

from surrogate.plugins.evoxbench import NO_VALUE, CellsBenchmark, CellsEvaluator, CellsSearchSpace


def cells(**options: object) -> CellProblem:
    return CellProblem(shipped(), ("val_per", "macs"), **options)


def test_thirty_evaluations_have_the_values_of_single_queries() -> None:
    benchmark = CellsBenchmark(cells())
    archs = benchmark.search_space.sample(30)
    X = benchmark.search_space.encode(archs)
    assert benchmark.search_space.decode(X) == archs
    assert X.shape == (30, benchmark.search_space.n_var)
    assert (benchmark.search_space.lb <= X).all() and (benchmark.search_space.ub >= X).all()
    seen, true = benchmark.evaluate(X), benchmark.evaluate(X, true_eval=True)
    assert seen.shape == true.shape == (30, benchmark.evaluator.n_objs)
    for arch, row, mean in zip(archs, seen, true, strict=True):
        assert not is_dead(Cell.parse(arch), Semantics.PAPER)
        assert row[0] == shipped().query(arch, seed=SEED).value
        assert mean[0] == shipped().query(arch).value
    assert (seen[:, 0] != true[:, 0]).any()
    assert (seen[:, 1] == true[:, 1]).all()


def test_indicators_of_the_front_and_of_a_search() -> None:
    pytest.importorskip("pymoo", reason="EvoXBench's indicators need pymoo")
    benchmark = CellsBenchmark(cells(), normalized_objectives=False)
    space = benchmark.search_space
    of_key = {tuple(cells().costs(cell)): cell for cell in cells().search.space.functions.cells}
    front = [of_key[tuple(costs)].text for costs in benchmark.pareto_front]
    assert benchmark.calc_perf_indicator(front, "igd") == pytest.approx(0)
    assert benchmark.calc_perf_indicator(front, "normalized_hv") == pytest.approx(1)
    some = space.encode(CellsSearchSpace(cells(), seed=1).sample(30))
    assert benchmark.calc_perf_indicator(some, "igd") > 0
    assert 0 <= benchmark.calc_perf_indicator(some, "normalized_hv") < 1


def test_normalised_objectives() -> None:
    benchmark = CellsBenchmark(cells(), normalized_objectives=True)
    found = benchmark.evaluate(benchmark.search_space.encode(["10_100_1000"]), true_eval=True)
    low, high = benchmark.pareto_front.min(axis=0), benchmark.pareto_front.max(axis=0)
    assert found[0] == pytest.approx(
        (np.array(cells().costs(Cell.parse("10_100_1000"))) - low) / (high - low)
    )


def test_dead_cells_missing_seeds_and_duplicates() -> None:
    evaluator = CellsEvaluator(cells(), seed=1236)
    missing = without_seed(1236)
    found = evaluator.evaluate([DEAD, missing.text, "10_100_1000", "10_100_1000"])
    assert found[:2] == [{"val_per": NO_VALUE, "macs": NO_VALUE}] * 2
    assert found[2] == found[3]
    (true,) = evaluator.evaluate([missing.text], true_eval=True, objs="val_per")
    assert true == {"val_per": shipped().query(missing).value}


def test_equal_seeds_draw_equal_cells_and_wrong_ones_are_refused() -> None:
    def drawn(seed: int) -> list[str]:
        return list(CellsSearchSpace(cells(), seed=seed).sample(5))

    assert drawn(1) == drawn(1) != drawn(2)
    with pytest.raises(UserError, match="has the seeds"):
        CellsEvaluator(cells(), seed=7).evaluate(["10_100_1000"])
    with pytest.raises(UserError, match="9 whole numbers"):
        CellsSearchSpace(cells()).decode([[9] * 9])
    assert CellsSearchSpace(cells()).visualize("10_100_1000") == (
        "1=conv5(x);2=conv5(1);3=conv5(2);y=3"
    )
    assert "timit-micro" in CellsBenchmark(cells()).name
