"""A saved curve model: forecasts to the bit, corrupt files, earlier versions."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from graph_encoding.common.errors import UserError
from surrogate.curves import (
    CurveModel,
    load_curve_model,
)
from surrogate.predictors import Predictor, RidgePredictor, XgbPredictor, XgbSettings
from tests.unit.surrogate.curves.conftest import GRAPHS, PREFIX, numbers
from train_benchmark.labels import EpochWindow
from train_benchmark.table.benchmark_table import BenchmarkTable


@pytest.mark.parametrize(
    "make_predictor",
    [RidgePredictor, lambda: XgbPredictor(XgbSettings(members=2, rounds=20))],
    ids=["ridge", "xgb"],
)
def test_a_loaded_model_forecasts_the_same_to_the_bit(
    make_predictor: Callable[[], Predictor], curve_table: BenchmarkTable, tmp_path: Path
) -> None:
    model = CurveModel.fit(curve_table, make_predictor, np.random.default_rng(0), folds=3)
    model.save(tmp_path / "model")
    loaded = load_curve_model(tmp_path / "model")
    assert numbers(loaded.forecast(GRAPHS)) == numbers(model.forecast(GRAPHS))
    for of in ("training", "function"):
        one, other = (m.forecast_given(GRAPHS[2], PREFIX, of=of) for m in (model, loaded))
        assert numbers(one) == numbers(other)


def test_an_existing_folder_is_never_written_to(model: CurveModel, saved: Path) -> None:
    before = sorted(saved.rglob("*"))
    with pytest.raises(UserError, match="exists"):
        model.save(saved)
    assert sorted(saved.rglob("*")) == before
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("name", ["curves.npz", "coefficient-1/predictor.json"])
def test_corrupt_and_missing_files_are_refused(saved: Path, name: str) -> None:
    content = (saved / name).read_bytes()
    (saved / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(UserError, match=r"corrupt.*fit it again"):
        load_curve_model(saved)
    (saved / name).unlink()
    with pytest.raises(UserError, match="fit it again"):
        load_curve_model(saved)


def test_a_model_of_schema_1_has_the_label_of_that_version(model: CurveModel, saved: Path) -> None:
    """That version named no window: its label was the mean over the last five epochs."""
    header = saved / "curves.json"
    plain = json.loads(header.read_text())
    assert plain.pop("label_epochs") == {"first": 5, "last": 10}
    header.write_text(json.dumps({**plain, "schema_version": 1}))
    before = load_curve_model(saved)
    assert before.label_epochs == EpochWindow(6, 10)
    found = before.forecast(GRAPHS)
    np.testing.assert_allclose(found.val_per.mean, found.mean[:, -5:].mean(axis=1), rtol=1e-9)
    np.testing.assert_array_equal(found.mean, model.forecast(GRAPHS).mean)


def test_another_version_or_no_folder_is_refused(saved: Path) -> None:
    header = saved / "curves.json"
    header.write_text(header.read_text().replace('"schema_version": 3', '"schema_version": 99'))
    with pytest.raises(UserError, match=r"version 3 or one of \(1, 2\), but has 99"):
        load_curve_model(saved)
    shutil.rmtree(saved)
    with pytest.raises(UserError, match="fit it again"):
        load_curve_model(saved)


def test_a_forecast_imports_no_heavy_package(saved: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from surrogate.curves import load_curve_model\n"
        "from graph_encoding.cell import Cell; from graph_encoding.graph import cell_graph\n"
        f"model = load_curve_model(Path({str(saved)!r}))\n"
        "model.forecast_given(cell_graph(Cell.parse('10_100_1000')), [0.9])\n"
        "print(*sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {"lightgbm", "pandas", "pyarrow", "scipy", "sklearn", "torch", "xgboost"}
    assert heavy & set(result.stdout.split()) == set()
