"""Artifacts: whole or not at all, and nothing corrupt is ever loaded."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph_encoding.cell import Cell
from graph_encoding.common.array_files import read_arrays
from graph_encoding.common.errors import UserError
from graph_encoding.common.hashing import content_hash
from surrogate.calibration import Neighbourhood
from surrogate.data.targets import TEST_PER, VAL_PER
from surrogate.fitting.artifact import (
    CURVE_FOLDER,
    DEFAULT_ARTIFACT,
    SCHEMA_VERSION,
    Artifact,
    load_artifact,
)
from surrogate.fitting.fit_artifact import fit_artifact
from surrogate.forecasting.benchmark_query import Benchmark, check_same_source
from surrogate.forecasting.forecast import Forecaster
from surrogate.predictors import RidgePredictor
from surrogate.testing.synthetic import synthetic_table
from train_benchmark.labels import EpochWindow
from train_benchmark.table.benchmark_table import BenchmarkTable

CELLS = [Cell.parse(text) for text in ("10_100_1000", "31_210_0101", "conv9:1")]


@pytest.fixture
def copy(saved_artifact: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved_artifact, tmp_path / "copy"))


def test_loaded_artifact_forecasts_the_same(artifact: Artifact, saved_artifact: Path) -> None:
    loaded = load_artifact(saved_artifact)
    assert loaded.metadata == artifact.metadata
    assert Forecaster(loaded).forecast(CELLS) == Forecaster(artifact).forecast(CELLS)


def test_saving_twice_gives_equal_bytes(
    artifact: Artifact, saved_artifact: Path, tmp_path: Path
) -> None:
    artifact.save(tmp_path / "again")
    for path in saved_artifact.rglob("*.*"):
        assert (
            path.read_bytes()
            == (tmp_path / "again" / path.relative_to(saved_artifact)).read_bytes()
        )


@pytest.mark.parametrize(
    "name",
    [
        "metadata.json",
        "measured.npz",
        "val_per/arrays.npz",
        "val_per/predictor.json",
        "test_per/calibration.npz",
    ],
)
def test_flipped_byte_is_noticed(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    # A digit near the middle: the file stays readable, only its content is another.
    digits = [i for i, byte in enumerate(content) if chr(byte).isdigit()]
    place = digits[len(digits) // 2]
    content[place] = ord("1") if content[place] != ord("1") else ord("2")
    (copy / name).write_bytes(content)
    with pytest.raises(UserError, match=r"corrupt.*fit it again"):
        load_artifact(copy)


def test_missing_file_is_named(copy: Path) -> None:
    (copy / "val_per" / "arrays.npz").unlink()
    with pytest.raises(UserError, match=r"must hold the file 'val_per/arrays\.npz'.*fit it again"):
        load_artifact(copy)


def test_other_schema_version_is_refused(copy: Path) -> None:
    metadata = json.loads((copy / "metadata.json").read_text())
    (copy / "metadata.json").write_text(json.dumps({**metadata, "schema_version": 99}))
    with pytest.raises(UserError, match=f"version 4, 5 or {SCHEMA_VERSION}, but has 99"):
        load_artifact(copy)


def test_metadata_that_is_no_json_is_refused(copy: Path) -> None:
    (copy / "metadata.json").write_text("{")
    with pytest.raises(UserError, match=r"cannot read artifact file .*metadata\.json"):
        load_artifact(copy)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [('"trained_keys": ', '"trained_keys": NaN, "x": ', "NaN is no JSON"), ('"sha256": {', "", "")],
)
def test_metadata_that_json_or_the_form_does_not_allow_are_refused(
    copy: Path, old: str, new: str, message: str
) -> None:
    text = (copy / "metadata.json").read_text()
    assert old in text
    if new:
        text = text.replace(old, new)
    else:
        text, message = json.dumps({**json.loads(text), "sha256": []}), "must list the sha256"
    (copy / "metadata.json").write_text(text)
    with pytest.raises(UserError, match=message):
        load_artifact(copy)


def test_unknown_name_says_what_to_give() -> None:
    with pytest.raises(UserError, match=r"no artifact 'nope'.*nasasr fit"):
        load_artifact("nope")


def test_existing_folder_is_never_overwritten(artifact: Artifact, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="exists"):
        artifact.save(tmp_path)


@pytest.mark.parametrize("most", [3.0, 255.0, 256.0, 2.0**50])
def test_counts_of_any_size_are_loaded_as_they_were(
    artifact: Artifact, tmp_path: Path, most: float
) -> None:
    points = np.array(artifact.neighbourhood.points)
    points[0, 0] = most
    wide = replace(artifact, neighbourhood=Neighbourhood(artifact.neighbourhood.ops, points))
    wide.save(tmp_path / "a")
    found = load_artifact(tmp_path / "a").neighbourhood.points
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, points)


def test_failed_save_leaves_nothing(
    artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(UserError, match=r"cannot write .*disk full"):
        artifact.save(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def _lists(tree: object) -> object:
    return tree.tolist() if isinstance(tree, np.ndarray) else tree


def _in_json(path: Path, tree: dict[str, Any]) -> None:
    """Replace a file of arrays by one in JSON, as earlier versions wrote it."""
    path.unlink()
    path.with_suffix(".json").write_text(json.dumps(tree, default=_lists))


def as_version_5(folder: Path) -> None:
    """Make an artifact what it would be before numbers were arrays of one member per type."""
    loaded = load_artifact(folder)
    rows = {key: {"seeds": r.seeds, "values": r.values} for key, r in loaded.measured.items()}
    _in_json(folder / "measured.npz", rows)
    for path in folder.rglob("calibration.npz"):
        tree = read_arrays(path)
        if "held_out" in tree:
            np.savez_compressed(path.with_name("held_out.npz"), **tree.pop("held_out"))
        _in_json(path, tree)
    for path in folder.rglob("latency.npz"):
        tree = read_arrays(path)
        tree["measured"] = dict(zip(tree.pop("keys"), tree.pop("seconds").tolist(), strict=True))
        _in_json(path, tree)
    for path in (*folder.rglob("arrays.npz"), *folder.rglob("curves.npz")):
        np.savez_compressed(path, **read_arrays(path))
    header = folder / CURVE_FOLDER / "curves.json"
    if header.is_file():
        header.write_text(json.dumps({**json.loads(header.read_text()), "schema_version": 2}))
    _sign(folder, {**json.loads((folder / "metadata.json").read_text()), "schema_version": 5})


def as_version_4(folder: Path) -> None:
    """Make an artifact what it would be before artifacts named the epochs of their labels."""
    as_version_5(folder)
    header = folder / CURVE_FOLDER / "curves.json"
    if header.is_file():
        plain = json.loads(header.read_text())
        del plain["label_epochs"]
        header.write_text(json.dumps({**plain, "schema_version": 1}))
    metadata = json.loads((folder / "metadata.json").read_text())
    del metadata["label_epochs"]
    _sign(folder, {**metadata, "schema_version": 4})


def _sign(folder: Path, metadata: dict[str, Any]) -> None:
    """Write metadata with the checksums of the files that are there."""
    del metadata["metadata_sha256"]
    header = folder / CURVE_FOLDER / "curves.json"
    if header.is_file():
        plain = json.loads(header.read_text())
        sums = {name: _sha256(header.parent / name) for name in plain["sha256"]}
        header.write_text(json.dumps({**plain, "sha256": sums}))
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "metadata.json")
    metadata["sha256"] = {p.relative_to(folder).as_posix(): _sha256(p) for p in files}
    whole = {**metadata, "metadata_sha256": content_hash(metadata)}
    (folder / "metadata.json").write_text(json.dumps(whole))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_epochs_of_each_label_are_named(saved_artifact: Path) -> None:
    metadata = json.loads((saved_artifact / "metadata.json").read_text())
    assert metadata["label_epochs"] == {"val_per": {"first": 3, "last": 6}}
    loaded = load_artifact(saved_artifact).metadata
    assert loaded.label_epochs == {"val_per": EpochWindow(3, 6)}


def test_an_artifact_of_version_5_is_read_and_saved_again_the_same(
    artifact: Artifact, saved_artifact: Path, copy: Path, tmp_path: Path
) -> None:
    as_version_5(copy)
    assert not list(copy.rglob("calibration.npz"))
    before = load_artifact(copy)
    assert before.measured == artifact.measured
    assert Forecaster(before).forecast(CELLS) == Forecaster(artifact).forecast(CELLS)
    before.save(tmp_path / "again")
    for path in saved_artifact.rglob("*.*"):
        again = tmp_path / "again" / path.relative_to(saved_artifact)
        assert again.read_bytes() == path.read_bytes()


def test_an_artifact_of_version_4_forecasts_as_it_did(artifact: Artifact, copy: Path) -> None:
    as_version_4(copy)
    before = load_artifact(copy)
    assert before.metadata.label_epochs == {}
    assert Forecaster(before).forecast(CELLS) == Forecaster(artifact).forecast(CELLS)
    rule = r"of epochs 3 to 6, and the artifact's of the last five epochs, as in older.*nasasr fit"
    with pytest.raises(UserError, match=rule):
        Benchmark(synthetic_table(60), Forecaster(before))


def test_an_artifact_with_curves_of_the_version_before_knows_its_window(tmp_path: Path) -> None:
    table = synthetic_table(30)
    fitted = fit_artifact(
        table,
        (VAL_PER,),
        RidgePredictor,
        name="made-up",
        seed_policy="mean",
        folds=2,
        seed=0,
        effective_config={},
        make_curve_predictor=RidgePredictor,
    )
    fitted.save(tmp_path / "a")
    Benchmark(table, Forecaster.load(tmp_path / "a"))
    as_version_4(tmp_path / "a")
    before = Forecaster.load(tmp_path / "a")
    assert before.metadata.label_epochs == {"val_per": EpochWindow(2, 6)}
    with pytest.raises(UserError, match=r"epochs 3 to 6, and the artifact's of epochs 2 to 6; fit"):
        Benchmark(table, before)


def test_another_window_of_one_target_is_refused_and_of_none_is_not(artifact: Artifact) -> None:
    table = synthetic_table(60)
    Benchmark(table, Forecaster(artifact))
    other = replace(artifact.metadata, label_epochs={"val_per": EpochWindow(4, 6)})
    with pytest.raises(UserError, match=r"'val_per' of the table .* epochs 3 to 6.* epochs 4 to 6"):
        Benchmark(table, Forecaster(replace(artifact, metadata=other)))
    (tested,) = [model for model in artifact.models if model.target == TEST_PER]
    Benchmark(table, Forecaster(replace(artifact, metadata=other, models=(tested,))))


def test_the_shipped_artifact_forecasts_the_labels_of_its_table() -> None:
    check_same_source(BenchmarkTable.load(DEFAULT_ARTIFACT), Forecaster.load(DEFAULT_ARTIFACT))
