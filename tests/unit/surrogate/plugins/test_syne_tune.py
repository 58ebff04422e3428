"""Syne Tune's simulator and schedulers on cells: epochs as fidelity, latency as a metric."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph_encoding.common.errors import UserError
from graph_encoding.functional_identity import is_dead
from graph_encoding.semantics import Semantics
from surrogate.plugins.cell_problem import CellProblem
from surrogate.search.space import SearchSpace
from tests.unit.surrogate.plugins.shipped import DEAD, LATENCY, SEED, shipped

pytest.importorskip("syne_tune", reason="Syne Tune is not installed: `make plugins` tests it")
# Syne Tune's own use of what its requirements deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")

from syne_tune.backend.simulator_backend.simulator_callback import SimulatorCallback
from syne_tune.blackbox_repository import UserBlackboxBackend
from syne_tune.blackbox_repository.utils import metrics_for_configuration
from syne_tune.optimizer.baselines import ASHA, REA
from syne_tune.stopping_criterion import StoppingCriterion
from syne_tune.tuner import Tuner

from surrogate.plugins.syne_tune import ELAPSED, FIDELITY, CellsBlackbox


def blackbox(**options: object) -> CellsBlackbox:
    return CellsBlackbox(CellProblem(shipped(), ("val_per", LATENCY), seed=SEED), **options)


def test_objectives_of_an_epoch_and_of_all() -> None:
    box = blackbox(seconds_per_epoch=2.0)
    configuration = box.cells.parameters.encode("10_100_1000")
    every = box(configuration)
    assert every.shape == (20, 3)
    assert box.objectives_names == ["val_per", LATENCY, ELAPSED]
    for epoch in (1, 20):
        found = box(configuration, fidelity=epoch, seed=1234)
        assert found == {
            "val_per": shipped().query("10_100_1000", seed=SEED, epoch=epoch).value,
            LATENCY: shipped().query_latency("10_100_1000", LATENCY).value,
            ELAPSED: 2.0 * epoch,
        }
        assert list(found.values()) == every[epoch - 1].tolist()
    other = metrics_for_configuration(box, configuration, FIDELITY, seed=SEED)
    assert [row[FIDELITY] for row in other] == list(range(1, 21))


def scheduler_of(name: str, box: CellsBlackbox) -> Any:
    common = {"metric": "val_per", "do_minimize": True, "random_seed": 1}
    if name == "REA":
        return REA(box.configuration_space, population_size=10, **common)
    return ASHA(box.configuration_space, time_attr=FIDELITY, max_t=box.cells.epochs, **common)


@pytest.mark.parametrize("name", ["REA", "ASHA"])
def test_thirty_trials_of_a_scheduler_have_the_values_of_single_queries(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNETUNE_FOLDER", str(tmp_path))
    box = blackbox()
    backend = UserBlackboxBackend(box, elapsed_time_attr=ELAPSED, seed=SEED)
    Tuner(
        trial_backend=backend,
        scheduler=scheduler_of(name, box),
        stop_criterion=StoppingCriterion(max_num_trials_finished=30),
        n_workers=2,
        sleep_time=0,
        save_tuner=False,
        callbacks=[SimulatorCallback()],
        trial_backend_path=str(tmp_path),
    ).run()
    trials = backend._all_trial_results(list(backend.trial_ids))
    assert len(trials) >= 30
    lengths = {len(trial.metrics) for trial in trials if trial.status != "in_progress"}
    assert (lengths == {20}) == (name == "REA")
    for trial in trials:
        cell = box.cells.parameters.decode(trial.config)
        for row in trial.metrics:
            if is_dead(cell, Semantics.PAPER):
                assert math.isnan(row["val_per"])
            else:
                value = shipped().query(cell, seed=SEED, epoch=int(row[FIDELITY])).value
                assert row["val_per"] == value


def test_dead_cells_unknown_seeds_and_epochs() -> None:
    box = blackbox()
    dead = box(box.cells.parameters.encode(DEAD), fidelity=3)
    assert math.isnan(dead["val_per"]) and math.isnan(dead[LATENCY])
    configuration = box.cells.parameters.encode("10_100_1000")
    with pytest.raises(UserError, match="has the seeds"):
        box(configuration, seed=7)
    with pytest.raises(UserError, match=r"must be in 1 \.\. 20, but got 21"):
        box(configuration, fidelity=21)
    with pytest.raises(UserError, match="must have the parameters"):
        box({"op_1": "conv5"})
    assert box(configuration, fidelity=3) == box(configuration, fidelity=3)


def test_all_values_for_a_surrogate_of_syne_tune() -> None:
    space = SearchSpace(nodes=1, ops=("conv5", "conv7", "zero"))
    box = CellsBlackbox(CellProblem(shipped(), space=space))
    functions = len(space.functions)
    parameters, values = box.hyperparameter_objectives_values(predict_curves=True)
    assert (parameters.shape, values.shape) == ((functions, 2), (functions, 40))
    by_epoch, objectives = box.hyperparameter_objectives_values()
    assert (by_epoch.shape, objectives.shape) == ((functions * 20, 3), (functions * 20, 2))
    assert objectives["val_per"].to_numpy().reshape(20, -1).T.tolist() == (
        values.to_numpy().reshape(functions, 20, 2)[:, :, 0].tolist()
    )
    assert np.isfinite(values.to_numpy()).all()


@pytest.mark.parametrize("objectives", [("params",), ("val_per", "test_per")])
def test_objectives_without_epochs_are_refused(objectives: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match="need val_per as the first objective"):
        CellsBlackbox(CellProblem(shipped(), objectives))


def test_time_must_pass() -> None:
    with pytest.raises(UserError, match="seconds_per_epoch must be > 0"):
        blackbox(seconds_per_epoch=0.0)
