"""Runs of a benchmark that fail: by whom, at which fit, and what is left behind."""

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from graph_encoding import GraphRow, UserError, write_graphs
from surrogate.comparison import run_benchmark
from surrogate.data.dataset import SurrogateDataset
from surrogate.testing.synthetic import synthetic_dataset, true_per
from tests.unit.surrogate.comparison.test_run import TruthPredictor, config_of

HERE = "tests.unit.surrogate.comparison.test_failures"


@pytest.fixture(scope="module")
def graph_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 graphs whose labels are a function of the graph, without noise."""
    path = tmp_path_factory.mktemp("graphs") / "made-up.jsonl"
    write_graphs(
        path, [GraphRow(g, {"per": true_per(g)}, {}) for g in synthetic_dataset(60).graphs]
    )
    return path


def test_a_torn_file_names_itself(graph_file: Path, tmp_path: Path) -> None:
    small = config_of(graph_file, predictors=["mean"], settings={})
    run_benchmark(small, tmp_path)
    path = next((tmp_path / "fits").iterdir())
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match=path.name):
        run_benchmark(small, tmp_path)


def test_a_user_error_in_a_process_arrives_as_one(
    graph_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    config = config_of(
        graph_file, train_sizes=[20], predictors=[f"{HERE}:BrokenPredictor"], settings={}
    )
    with pytest.raises(UserError, match=r"repeat \d: more keys, please"):
        run_benchmark(config, tmp_path, workers=2)


class BrokenPredictor(TruthPredictor):
    """Cannot be fitted: by a rule that the user broke, or by its own mistake."""

    name = "broken"

    def _fit(self, dataset: SurrogateDataset, rng: np.random.Generator) -> None:  # noqa: ARG002
        raise UserError("more keys, please") if len(dataset) < 25 else ZeroDivisionError("of mine")


def test_a_fit_that_fails_says_which(graph_file: Path, tmp_path: Path) -> None:
    broken = {"predictors": [f"{HERE}:BrokenPredictor"], "settings": {}, "repeats": 1}
    where = "BrokenPredictor on random, {} training keys, repeat 0"
    with pytest.raises(UserError, match=where.format(20) + ": more keys, please"):
        run_benchmark(config_of(graph_file, train_sizes=[20], **broken), tmp_path)
    with pytest.raises(ZeroDivisionError) as error:
        run_benchmark(config_of(graph_file, train_sizes=[40], **broken), tmp_path)
    assert where.format(40) in error.value.__notes__[0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train_sizes": [4]}, "random, 4 training keys: 5 folds .* 5 keys, but got 4"),
        ({"train_sizes": [10]}, "random, 10 training keys: 10 held-out keys can bound a level"),
        (
            {"protocols": {"random": {}, "leave-operation-out": {"train_sizes": [4]}}},
            "leave-operation-out, 4 training keys: 5 folds .*; take 4 folds, or take larger",
        ),
        ({"train_sizes": [3], "folds": 2}, "random, 3 training keys: 2 folds .* 4 keys, but got 3"),
        ({"train_sizes": [4], "folds": 2}, "level of at most 0.8000, but got 0.9"),
    ],
)
def test_what_cannot_be_calibrated_is_refused_before_a_folder_is_made(
    graph_file: Path, tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        run_benchmark(config_of(graph_file, **changed), tmp_path / "out")
    assert not (tmp_path / "out").exists()


class DyingPredictor(TruthPredictor):
    """Takes its process with it, as a lack of memory does."""

    name = "dying"

    def _fit(self, dataset: SurrogateDataset, rng: np.random.Generator) -> None:  # noqa: ARG002
        os._exit(9)


def test_a_killed_worker_is_a_message(
    graph_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    config = config_of(graph_file, predictors=[f"{HERE}:DyingPredictor"], settings={})
    with pytest.raises(UserError, match=r"its worker was lost 3 times: .* fewer --workers"):
        run_benchmark(config, tmp_path, workers=2)


def test_a_fit_that_cannot_be_written_leaves_nothing(
    graph_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        run_benchmark(config_of(graph_file, predictors=["mean"], settings={}), tmp_path)
    assert not list((tmp_path / "fits").iterdir())


def test_an_unwritable_folder_is_a_user_error(graph_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose another"):
        run_benchmark(config_of(graph_file), tmp_path / "file")
