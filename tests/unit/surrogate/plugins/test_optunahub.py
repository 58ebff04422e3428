"""OptunaHub's problem in studies of Optuna: values, constraints, epochs, registry folder."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graph_encoding.common.errors import UserError
from graph_encoding.functional_identity import functional_key, is_dead
from graph_encoding.interop.parameters import CellParameters
from graph_encoding.semantics import Semantics
from surrogate.plugins.cell_problem import NoValueError
from tests.unit.surrogate.plugins.shipped import DEAD, LATENCY, SEED, shipped, without_seed

optuna = pytest.importorskip("optuna", reason="Optuna is not installed: `make plugins` tests it")
optunahub = pytest.importorskip(
    "optunahub", reason="OptunaHub is not installed: `make plugins` tests it"
)

import surrogate.plugins
from surrogate.plugins.optuna_sampler import GuidedSampler
from surrogate.plugins.optunahub import CellsProblem

PARAMETERS = CellParameters()
REGISTRY = Path(str(surrogate.plugins.__file__)).parent / "optunahub_registry" / "package"


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


@pytest.mark.parametrize("sampler", ["RandomSampler", "TPESampler", "NSGAIISampler"])
def test_thirty_trials_have_the_values_of_single_queries(sampler: str) -> None:
    problem = CellsProblem(shipped(), seed=SEED)
    study = optuna.create_study(
        directions=problem.directions, sampler=getattr(optuna.samplers, sampler)(seed=0)
    )
    study.optimize(problem, n_trials=30)
    assert len(study.trials) == 30
    for trial in study.trials:
        cell = PARAMETERS.decode(trial.params)
        dead = is_dead(cell, Semantics.PAPER)
        assert (trial.state == optuna.trial.TrialState.PRUNED) == dead
        if not dead:
            assert trial.value == shipped().query(cell, seed=SEED).value


def test_several_objectives_and_constraints_of_a_study() -> None:
    limits = {"params": 225_000, LATENCY: 0.0003}
    problem = CellsProblem(shipped(), ["val_per", "macs"], limits=limits)
    study = optuna.create_study(
        directions=problem.directions, sampler=optuna.samplers.NSGAIISampler(seed=1)
    )
    study.optimize(problem, n_trials=30)
    feasible = []
    for trial in study.get_trials(states=[optuna.trial.TrialState.COMPLETE]):
        values = problem.cells.values(PARAMETERS.decode(trial.params))
        assert trial.values == [values["val_per"], values["macs"]]
        assert trial.constraints == {name: values[name] / limits[name] - 1 for name in limits}
        feasible.append(all(value <= 0 for value in trial.constraints.values()))
    assert len(set(feasible)) == 2
    for trial in study.best_trials:
        assert all(value <= 0 for value in trial.constraints.values())


def test_pruners_end_trials_by_their_epochs() -> None:
    problem = CellsProblem(shipped(), seed=SEED, reports_epochs=True)
    study = optuna.create_study(
        sampler=optuna.samplers.RandomSampler(seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=3),
    )
    study.optimize(problem, n_trials=30)
    lengths = set()
    for trial in study.trials:
        cell = PARAMETERS.decode(trial.params)
        lengths.add(len(trial.intermediate_values))
        for epoch, per in trial.intermediate_values.items():
            assert per == shipped().query(cell, seed=SEED, epoch=epoch).value
    assert {0, 20} & lengths
    assert any(3 <= length < 20 for length in lengths)


def test_dead_cells_and_missing_seeds_are_pruned_and_duplicates_are_equal() -> None:
    problem = CellsProblem(shipped(), seed=1236)
    study = optuna.create_study()
    for cell in (DEAD, without_seed(1236), "10_100_1000", "10_100_1000"):
        study.enqueue_trial(PARAMETERS.encode(cell))
    study.optimize(problem, n_trials=4)
    states = [trial.state.name for trial in study.trials]
    assert states[:2] == ["PRUNED", "PRUNED"]
    assert study.trials[2].value == study.trials[3].value
    with pytest.raises(NoValueError, match="dead"):
        problem.evaluate(PARAMETERS.encode(DEAD))


def test_the_guided_sampler_solves_the_problem_without_repeats() -> None:
    problem = CellsProblem(shipped())
    study = optuna.create_study(sampler=GuidedSampler(seed=0))
    study.optimize(problem, n_trials=30)
    keys = {functional_key(PARAMETERS.decode(t.params), Semantics.PAPER) for t in study.trials}
    assert len(keys) == 30
    assert study.best_value < sorted(trial.value for trial in study.trials)[15]


def test_a_grid_ends_where_its_space_does() -> None:
    """As Optuna's users know it: `GridSampler` stops the study."""
    problem = CellsProblem(shipped())
    fixed = PARAMETERS.encode("10_100_1000")
    grid = {name: [value] for name, value in fixed.items()} | {"op_1": ["conv5", "conv7"]}
    study = optuna.create_study(sampler=optuna.samplers.GridSampler(grid, seed=0))
    study.optimize(problem, n_trials=30)
    assert len(study.trials) == 2


def test_the_registry_folder_loads_as_a_package() -> None:
    package = optunahub.load_local_module("benchmarks/nasasr", registry_root=str(REGISTRY))
    assert package.Problem is CellsProblem
    front = (REGISTRY / "benchmarks" / "nasasr" / "README.md").read_text().split("---")[1]
    for field in ("author", "title", "description", "tags", "optuna_versions", "license"):
        assert f"\n{field}: " in front


def test_a_study_in_a_file_is_read_by_the_dashboard(tmp_path: Path) -> None:
    dashboard = pytest.importorskip(
        "optuna_dashboard", reason="optuna-dashboard is not installed: `make plugins` tests it"
    )
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'study.db'}")
    problem = CellsProblem(shipped(), ["val_per", "params"], limits={"macs": 6e6})
    study = optuna.create_study(storage=storage, directions=problem.directions, study_name="cells")
    study.optimize(problem, n_trials=5)
    shown = json.loads(page_of(dashboard.wsgi(storage), "/api/studies/1"))
    assert shown["name"] == "cells"
    assert len(shown["trials"]) == 5
    for trial, mine in zip(shown["trials"], study.trials, strict=True):
        assert trial["state"].lower() == mine.state.name.lower()
        if mine.values:
            assert trial["values"] == mine.values


def page_of(app: Any, path: str) -> bytes:
    """What the dashboard's server sends for a path."""
    request = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": "after=0",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
    }
    sent: list[str] = []
    body = b"".join(app(request, lambda status, *_: sent.append(status)))
    assert sent == ["200 OK"], body
    return body


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": 7}, "has the seeds"),
        ({"objectives": ["accuracy"]}, "a quantity must be"),
        ({"objectives": ["params"], "reports_epochs": True}, "single objective val_per"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        CellsProblem(shipped(), **arguments)
