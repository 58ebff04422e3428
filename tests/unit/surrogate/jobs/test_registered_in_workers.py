"""Processes of benchmarks and searches know the operations that their caller registered."""

from dataclasses import replace
from pathlib import Path

import pytest

from graph_encoding import Cell, Operation, Semantics, functional_key, register_operation
from surrogate.comparison import BenchmarkConfig, run_benchmark
from surrogate.testing.synthetic import synthetic_table
from surrogate.tuning import TuneConfig
from surrogate.tuning.study import run_study
from train_benchmark.table.benchmark_table import BenchmarkTable


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """60 functions, one of them with an operation that only this process knows."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    register_operation(Operation("conv13", "conv", kernel=13))
    cell = Cell.parse("conv13:1_411_0101")
    made = synthetic_table(60, seeds=[1])
    (first, *others) = made.measured
    first = replace(first, cell=cell.text, functional_key=functional_key(cell, Semantics.PAPER))
    BenchmarkTable(made.metadata, (first, *others)).save(tmp_path / "table")
    return tmp_path / "table"


def test_a_benchmarks(table: Path, tmp_path: Path) -> None:
    config = BenchmarkConfig.model_validate(
        {
            "source": {"table": str(table)},
            "target": "val_per",
            "train_sizes": (30,),
            "repeats": 2,
            "predictors": ("mean",),
        }
    )
    assert len(run_benchmark(config, tmp_path / "out", workers=2).fits) == 2


@pytest.mark.slow
def test_a_searchs(table: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="needs the tune extra: pip install 'nasasr[tune]'")
    config = TuneConfig.model_validate(
        {
            "name": "study",
            "predictor": "xgb",
            "source": {"table": str(table)},
            "target": "val_per",
            "folds": 2,
            "trials": 2,
            "settings": {"members": 2, "rounds": 20},
            "space": {"max_depth": {"low": 1, "high": 5}},
        }
    )
    study = run_study(config, tmp_path / "out", workers=2)
    assert {trial.state.name for trial in study.trials} <= {"COMPLETE", "PRUNED", "RUNNING"}
