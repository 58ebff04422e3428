"""Comparisons, fits and searches on a Ray cluster: the same numbers as here, workers may die."""

import json
import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

ray = pytest.importorskip("ray", reason="needs the ray extra: pip install 'nasasr[ray]'")
pytest.importorskip("optuna", reason="needs the extra predictors")

from graph_encoding import GraphRow, UserError, write_graphs
from graph_encoding.engines.engine import Engine
from graph_encoding.engines.ray_cluster import RayEngine
from surrogate.comparison import BenchmarkConfig, benchmark_config, run_benchmark
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.targets import VAL_PER
from surrogate.fitting.fit_artifact import fit_artifact
from surrogate.predictors import MeanPredictor, RidgePredictor
from surrogate.testing.synthetic import synthetic_dataset, synthetic_table, true_per
from surrogate.tuning import TuneConfig
from surrogate.tuning.study import run_study

ROOT = Path(__file__).parents[2]
HERE = "tests.integration.test_jobs_on_ray"

pytestmark = pytest.mark.slow


class DyingOnce(RidgePredictor):
    """Its first fit takes the worker with it."""

    name = "dying"

    def _fit(self, dataset: SurrogateDataset, rng: np.random.Generator) -> None:
        mark = Path(os.environ["NASASR_TEST_DEATH"])
        if mark.exists():
            mark.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        super()._fit(dataset, rng)


class Unlucky(RidgePredictor):
    """Cannot be fitted."""

    name = "unlucky"

    def _fit(self, dataset: SurrogateDataset, rng: np.random.Generator) -> None:
        del dataset, rng
        raise UserError("more keys, please")


@pytest.fixture(scope="module")
def death(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """While this file exists, the next fit of `DyingOnce` kills its worker."""
    return tmp_path_factory.mktemp("death") / "mark"


@pytest.fixture(scope="module")
def cluster(death: Path) -> Iterator[Engine]:
    """One cluster of this machine for all tests: starting one takes most of their time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("NASASR_TEST_DEATH", str(death))
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield RayEngine("local", 2)
        ray.shutdown()


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graphs") / "graphs.jsonl"
    write_graphs(
        path, [GraphRow(g, {"per": true_per(g)}, {}) for g in synthetic_dataset(60).graphs]
    )
    return path


def comparison(graphs: Path, predictor: str) -> BenchmarkConfig:
    return benchmark_config(
        {
            "source": {"graphs": str(graphs), "direction": "minimise"},
            "target": "per",
            "train_sizes": [20],
            "repeats": 2,
            "predictors": [predictor],
        }
    )


def test_a_comparison_is_that_of_this_process_though_a_worker_is_killed(
    cluster: Engine, graphs: Path, death: Path, tmp_path: Path
) -> None:
    config = comparison(graphs, f"{HERE}:DyingOnce")
    death.touch()
    there = run_benchmark(config, tmp_path / "there", engine=cluster)
    assert not death.exists()
    here = run_benchmark(config, tmp_path / "here")
    for one, other in zip(there.fits, here.fits, strict=True):
        np.testing.assert_array_equal(one.model_mean, other.model_mean)
        np.testing.assert_array_equal(one.low, other.low)


def test_an_error_of_a_task_is_the_error_of_the_run(
    cluster: Engine, graphs: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"^tests.*Unlucky on random, .*: more keys, please$"):
        run_benchmark(comparison(graphs, f"{HERE}:Unlucky"), tmp_path, engine=cluster)


def test_a_fit_gives_the_artifact_of_this_process(cluster: Engine, tmp_path: Path) -> None:
    fit = partial(
        fit_artifact,
        synthetic_table(30),
        (VAL_PER,),
        RidgePredictor,
        name="made-up",
        seed_policy="mean",
        folds=3,
        seed=0,
        effective_config={},
        make_curve_predictor=MeanPredictor,
    )
    sums = []
    for name, engine in (("there", cluster), ("here", None)):
        fit(engine=engine).save(tmp_path / name / "made-up")
        metadata = (tmp_path / name / "made-up" / "metadata.json").read_text()
        sums.append(json.loads(metadata)["sha256"])
    assert sums[0] == sums[1]


def test_a_search_judges_the_same_settings_alike(
    cluster: Engine, graphs: Path, tmp_path: Path
) -> None:
    config = TuneConfig.model_validate(
        {
            "name": "study",
            "predictor": "ridge",
            "source": {"graphs": str(graphs), "direction": "minimise"},
            "target": "per",
            "train_keys": 40,
            "folds": 2,
            "trials": 3,
            "space": {"columns": {"choices": ["counts", "statistics"]}},
        }
    )
    taus = [
        {trial.params["columns"]: trial.value for trial in study.trials}
        for study in (
            run_study(config, tmp_path / "there", engine=cluster),
            run_study(config, tmp_path / "here"),
        )
    ]
    assert taus[0]["counts"] == taus[1]["counts"]
    assert all(taus[1].get(name, tau) == tau for name, tau in taus[0].items())
