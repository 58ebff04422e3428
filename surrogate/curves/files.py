"""A curve model as a folder: plain arrays, a header, and the predictors as they save themselves."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from graph_encoding.common.array_files import read_arrays
from graph_encoding.common.atomic_files import whole_folder
from graph_encoding.common.errors import UserError, unreadable
from graph_encoding.common.listed_files import listed_file
from surrogate.curves.components.basis import CurveBasis
from surrogate.curves.components.calibration import HorizonCalibration
from surrogate.curves.components.conditioning import CurveProcess
from surrogate.curves.components.mean_curve import DoubtScale, MeanCurves
from surrogate.curves.parts import CurveParts
from surrogate.data.targets import Logit
from surrogate.predictors.base import load_predictor
from train_benchmark.labels import EpochWindow, last_epochs

CurvePartsT = TypeVar("CurvePartsT", bound=CurveParts)

SCHEMA_VERSION = 2
_WITHOUT_LABEL_EPOCHS = 1
"""The version before this one: the label of such models averages the last five epochs."""

_HEADER_FILE = "curves.json"
_ARRAYS_FILE = "curves.npz"


def save_curve_parts(model: CurveParts, folder: Path) -> None:
    """Write a model as a new folder, whole or not at all; `load_curve_parts` reads it.

    Raises:
        UserError: if the folder exists or cannot be written.
    """
    if folder.exists():
        raise UserError(f"curve model folder {folder} exists; choose another or remove it")
    try:
        with whole_folder(folder) as scratch:
            _write(model, scratch)
    except OSError as e:
        raise UserError(f"cannot write curve model folder {folder}: {e}") from e


def load_curve_parts(folder: Path, kind: type[CurvePartsT]) -> CurvePartsT:
    """Read a model that `save_curve_parts` wrote.

    Args:
        folder: the model's folder.
        kind: what to make of its parts.

    Raises:
        UserError: if a file is missing or corrupt, or the schema is another version.
    """
    rule = f"folder {folder} must hold a curve model saved by this version"
    with unreadable(rule, "fit it again"):
        header = _verified_header(folder)
        arrays = read_arrays(folder / _ARRAYS_FILE)
        basis = CurveBasis(arrays["basis_mean"], arrays["basis_scale"], arrays["components"])
        predictors = [load_predictor(_predictor_folder(folder, j)) for j in range(basis.rank)]
        scale = DoubtScale(
            arrays["doubt_floors"], arrays["doubt_factors"], float(arrays["doubt_typical"])
        )
        return kind(
            Logit(header["clip"]),
            MeanCurves(basis, tuple(predictors), scale, arrays["falling"]),
            CurveProcess(arrays["covariance"], arrays.get("seed_covariance")),
            HorizonCalibration(arrays["scores"]),
            _label_epochs(header),
        )


def _write(model: CurveParts, folder: Path) -> None:
    curves, process = model.curves, model.process
    arrays = {
        "basis_mean": curves.basis.mean,
        "basis_scale": curves.basis.scale,
        "components": curves.basis.components,
        "doubt_floors": curves.scale.floors,
        "doubt_factors": curves.scale.factors,
        "doubt_typical": np.array(curves.scale.typical),
        "falling": curves.falling,
        "covariance": process.covariance,
        "scores": model.calibration.scores,
    }
    if process.seed is not None:
        arrays["seed_covariance"] = process.seed
    with (folder / _ARRAYS_FILE).open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    for j, predictor in enumerate(curves.predictors):
        predictor.save(_predictor_folder(folder, j))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    header = {
        "schema_version": SCHEMA_VERSION,
        "epochs": model.epochs,
        "clip": model.transform.clip,
        "label_epochs": asdict(model.label_epochs),
        "sha256": {path.relative_to(folder).as_posix(): _sha256(path) for path in files},
    }
    (folder / _HEADER_FILE).write_text(json.dumps(header, indent=2) + "\n", encoding="utf-8")


def _verified_header(folder: Path) -> dict[str, Any]:
    header: dict[str, Any] = json.loads((folder / _HEADER_FILE).read_text(encoding="utf-8"))
    version = header["schema_version"]
    if version not in (_WITHOUT_LABEL_EPOCHS, SCHEMA_VERSION):
        raise UserError(
            f"curve model {folder} must have schema version {_WITHOUT_LABEL_EPOCHS} or "
            f"{SCHEMA_VERSION}, but has {version!r}; use the nasasr version that wrote it, or fit "
            "it again"
        )
    for name, expected in header["sha256"].items():
        found = _sha256(listed_file(folder, name, "copy the model again or fit it again"))
        if found != expected:
            raise UserError(
                f"curve model file {folder / name} is corrupt: its sha256 must be {expected}, but "
                f"is {found}; copy the model again or fit it again"
            )
    return header


def _label_epochs(header: dict[str, Any]) -> EpochWindow:
    if header["schema_version"] == _WITHOUT_LABEL_EPOCHS:
        return last_epochs(5, header["epochs"])
    return EpochWindow(**header["label_epochs"])


def _predictor_folder(folder: Path, j: int) -> Path:
    return folder / f"coefficient-{j + 1}"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
