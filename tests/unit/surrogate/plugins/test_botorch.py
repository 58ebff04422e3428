"""BoTorch on cells: the posterior of a stack, and acquisition over all functions."""

import numpy as np
import pytest

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from surrogate.data.targets import VAL_PER
from surrogate.plugins.cell_problem import CellProblem, merged_dataset
from surrogate.predictors.stack import StackPredictor, StackSettings
from surrogate.predictors.trees.xgb import XgbSettings
from surrogate.search.space import SearchSpace
from tests.unit.surrogate.plugins.shipped import DEAD, SEED, shipped

pytest.importorskip("botorch", reason="BoTorch is not installed: `make plugins` tests it")
# BoTorch's own use of what its requirements deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")

import torch
from botorch.acquisition import qLogNoisyExpectedImprovement
from botorch.acquisition.multi_objective import qLogNoisyExpectedHypervolumeImprovement
from botorch.models import ModelList
from botorch.optim import optimize_acqf_discrete

from surrogate.plugins.botorch import CellsModel

SMALL = SearchSpace(nodes=2)
SETTINGS = StackSettings(gnn_from=1000, folds=2)


def labelled(problem: CellProblem, count: int, seed: int = 0) -> tuple[list[Cell], list[float]]:
    functions = problem.search.space.functions.cells
    rows = np.random.default_rng(seed).permutation(len(functions))[:count]
    cells = [functions[row] for row in rows]
    return cells, [problem.costs(cell)[0] for cell in cells]


@pytest.fixture(scope="module")
def problem() -> CellProblem:
    return CellProblem(shipped(), space=SMALL)


@pytest.fixture(scope="module")
def model(problem: CellProblem) -> CellsModel:
    return CellsModel.fit(*labelled(problem, 25), space=SMALL, settings=SETTINGS)


def test_the_mean_is_that_of_the_stack_and_rises_as_errors_fall(
    problem: CellProblem, model: CellsModel
) -> None:
    cells, values = labelled(problem, 25)
    graphs = [SMALL.function(cell).graph for cell in cells]
    stack = StackPredictor(SETTINGS)
    stack.fit(merged_dataset(VAL_PER, graphs, np.array(values)), np.random.default_rng(0))
    members, weights = stack.predict_members(graphs)
    assert weights.sum() == pytest.approx(1)
    scores = stack._scale.forward(members)
    assert stack._scale.backward(weights @ scores) == pytest.approx(stack.predict(graphs).mean)
    posterior = model.posterior(model.encode(cells))
    expected = -(weights @ VAL_PER.transform.to_raw(members))
    assert posterior.mean[:, 0].numpy() == pytest.approx(expected, abs=1e-9)
    assert np.corrcoef(posterior.mean[:, 0], values)[0, 1] < -0.5


def test_shapes_of_batches(model: CellsModel) -> None:
    assert model.num_outputs == 1
    X = model.choices[:6].reshape(3, 2, -1)
    posterior = model.posterior(X)
    assert posterior.mean.shape == posterior.variance.shape == (3, 2, 1)
    assert (posterior.variance >= 0).all()
    assert posterior.rsample(torch.Size([4])).shape == (4, 3, 2, 1)
    flat = model.posterior(model.choices[:6])
    assert torch.equal(flat.mean.reshape(3, 2, 1), posterior.mean)
    assert model.decode(model.choices) == list(SMALL.functions.cells)


def test_thirty_evaluations_by_acquisition_over_the_whole_space(problem: CellProblem) -> None:
    cells, values = labelled(problem, 10)
    for step in range(10):
        model = CellsModel.fit(cells, values, space=SMALL, settings=SETTINGS, seed=step)
        known = model.encode(cells)
        acquisition = qLogNoisyExpectedImprovement(model, X_baseline=known, prune_baseline=False)
        found, _ = optimize_acqf_discrete(
            acquisition, q=2, choices=model.choices, X_avoid=known, max_batch_size=512
        )
        new = model.decode(found)
        cells += new
        values += [problem.costs(cell)[0] for cell in new]
    assert len({SMALL.function(cell).key for cell in cells}) == len(cells) == 30
    assert values == [shipped().query(cell).value for cell in cells]
    assert min(values) < min(values[:10])
    assert np.mean(values[10:]) < np.mean(values[:10])


def test_several_objectives_and_constraints(problem: CellProblem, model: CellsModel) -> None:
    both = CellProblem(shipped(), ("val_per", "macs"), space=SMALL)
    cells, values = labelled(problem, 25)
    macs = [both.costs(cell)[1] / 1e6 for cell in cells]
    models = ModelList(model, CellsModel.fit(cells, macs, space=SMALL, settings=SETTINGS))
    acquisition = qLogNoisyExpectedHypervolumeImprovement(
        models,
        ref_point=[-max(values), -max(macs)],
        X_baseline=model.encode(cells),
        constraints=[lambda Y: -Y[..., 1] - float(np.median(macs))],
        prune_baseline=False,
    )
    found, _ = optimize_acqf_discrete(acquisition, q=1, choices=model.choices, max_batch_size=256)
    assert len(model.decode(found)) == 1


def test_dead_cells_and_rows_that_are_no_cells_are_refused(model: CellsModel) -> None:
    dead = model.encode([Cell.parse("51_500")])
    with pytest.raises(UserError, match="'51_500' is dead"):
        model.posterior(dead)
    with pytest.raises(UserError, match="whole numbers"):
        model.posterior(dead + 0.5)
    with pytest.raises(UserError, match="dead"):
        CellsModel.fit([Cell.parse(DEAD)], [0.5], settings=SETTINGS)


def test_seeds_of_the_table_are_kept_apart() -> None:
    cells = CellProblem(shipped(), seed=SEED)
    model = CellsModel.fit(
        *labelled(cells, 12),
        settings=StackSettings(xgb=XgbSettings(members=2), gnn_from=1000, folds=2),  # type: ignore[arg-type]
    )
    assert model.choices.shape == (8911, 9)
