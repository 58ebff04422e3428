"""The artifact: a folder with everything that a forecast needs, verified when it is read."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Self

import numpy as np

from graph_encoding.common.array_files import read_arrays, write_tree
from graph_encoding.common.atomic_files import atomic_folder
from graph_encoding.common.errors import UserError, unreadable
from graph_encoding.common.hashing import content_hash
from graph_encoding.common.listed_files import listed_file
from graph_encoding.common.packaged import found_folder
from graph_encoding.common.strict_json import strict_json
from graph_encoding.macro import Macro
from surrogate.calibration import (
    HeldOutForecasts,
    Neighbourhood,
    SupportCalibrator,
    TrainedOn,
    TrueMeanModel,
)
from surrogate.curves import CurveModel, load_curve_model
from surrogate.data.targets import TARGETS, VAL_PER, FloatArray, Target
from surrogate.fitting.measured_rows import MeasuredRow, MeasuredRows
from surrogate.latency.model import LatencyModel
from surrogate.predictors import Predictor, load_predictor
from train_benchmark.labels import EpochWindow

SCHEMA_VERSION = 6
_WITH_JSON_NUMBERS = 5
"""The last version whose measured labels and calibrations are JSON."""
_WITHOUT_LABEL_EPOCHS = 4
"""A version whose `val_per` averages the last five epochs; otherwise as version 5."""

DEFAULT_ARTIFACT = "timit-micro"

_METADATA_FILE = "metadata.json"
_MEASURED_FILE = "measured.npz"
_CALIBRATION_FILE = "calibration.npz"
_OLD_MEASURED_FILE = "measured.json"
_OLD_CALIBRATION_FILE = "calibration.json"
_OLD_HELD_OUT_FILE = "held_out.npz"
_NEIGHBOURHOOD_FILE = "neighbourhood.npz"

CURVE_FOLDER = "curve"


def latency_folder(number: int) -> str:
    """Folder, within an artifact, of the latency of one of its settings."""
    return f"latency-{number}"


@dataclass(frozen=True)
class ArtifactMetadata:
    """Origin of an artifact.

    Attributes:
        name: of the artifact.
        table: name of the table it was fitted on.
        recipe_hash: sha256 of the table's recipe.
        corpus_fingerprint: sha256 of the corpus behind the table.
        semantics: how cells are read, "paper" or "released".
        macro: the network around the cell, for parameter counts.
        trained_on: operations and sizes of the training graphs.
        trained_keys: number of functions it was fitted on.
        label_epochs: name of a target -> the epochs that its label averages. Targets whose label
            averages none are missing, and so are those of an older artifact without curves, of
            which only the number of these epochs is known.
        fit: the effective configuration of the fit.
        versions: versions of the software that predictions depend on.
    """

    name: str
    table: str
    recipe_hash: str
    corpus_fingerprint: str
    semantics: str
    macro: Macro
    trained_on: TrainedOn
    trained_keys: int
    label_epochs: dict[str, EpochWindow]
    fit: dict[str, Any]
    versions: dict[str, str]


@dataclass(frozen=True, eq=False)
class TrueMeans:
    """What estimates of true means rest on.

    Attributes:
        model: combines a forecast with a function's own trainings.
        held_out: forecasts of the functions of the fit without their own labels.
    """

    model: TrueMeanModel
    held_out: HeldOutForecasts


@dataclass(frozen=True, eq=False)
class TargetModel:
    """The fitted model of one target.

    Attributes:
        target: what is predicted.
        predictor: fitted on all keys.
        calibrator: turns the predictor's predictions into intervals.
        seed_share: fraction of the predictive variance that is due to seed noise, see
            `seed_share`; None if it is unknown, because no function of the table has two seeds.
        true_means: for estimates of true means; None in artifacts of earlier versions, and if too
            few functions of the table have two seeds, see `TrueMeanModel.fit`.
    """

    target: Target
    predictor: Predictor
    calibrator: SupportCalibrator
    seed_share: float | None
    true_means: TrueMeans | None = None

    def save(self, folder: Path) -> None:
        """Write the model into a folder, which is created if it does not exist."""
        self.predictor.save(folder)
        calibration = {**self.calibrator.to_plain(), "seed_share": self.seed_share}
        if self.true_means is not None:
            calibration["true_mean"] = self.true_means.model.to_plain()
            calibration["held_out"] = self.true_means.held_out.arrays()
        write_tree(folder / _CALIBRATION_FILE, calibration)

    @classmethod
    def load(cls, folder: Path, target: Target) -> Self:
        """Read the model of a target that `save` wrote.

        Raises:
            UserError: if a file is missing or corrupt.
        """
        calibration = _read_calibration(folder)
        calibrator = SupportCalibrator.from_plain(calibration)
        true_means = None
        if "true_mean" in calibration:
            true_means = TrueMeans(
                TrueMeanModel.from_plain(calibration["true_mean"]),
                HeldOutForecasts.from_arrays(calibration["held_out"]),
            )
        share = calibration["seed_share"]
        return cls(target, load_predictor(folder), calibrator, share, true_means)


@dataclass(frozen=True, eq=False)
class Artifact:
    """A fitted surrogate: one model for each target, and the measured rows for look-ups.

    Attributes:
        metadata: its origin.
        models: one for each target, in the order of output.
        measured: functional key -> row of the table.
        neighbourhood: of the training graphs.
        curves: the model of learning curves; None if none was fitted.
        latency: one model for each measured setting, sorted by setting.
    """

    metadata: ArtifactMetadata
    models: tuple[TargetModel, ...]
    measured: Mapping[str, MeasuredRow]
    neighbourhood: Neighbourhood
    curves: CurveModel | None = None
    latency: tuple[LatencyModel, ...] = ()

    def measured_means(self, target: str) -> FloatArray:
        """(n,) mean raw label of each measured function."""
        return MeasuredRows.of(self.measured).means(target)

    def save(self, folder: Path) -> None:
        """Write the artifact as a new folder, by an atomic write.

        Raises:
            UserError: if the folder exists or cannot be written.
        """
        if folder.exists():
            raise UserError(f"artifact folder {folder} exists; choose another or remove it")
        try:
            with atomic_folder(folder) as scratch:
                self._write(scratch)
        except OSError as e:
            raise UserError(f"cannot write artifact folder {folder}: {e}") from e

    def _write(self, folder: Path) -> None:
        for model in self.models:
            model.save(folder / model.target.name)
        write_tree(folder / _MEASURED_FILE, MeasuredRows.of(self.measured).to_plain())
        points = self.neighbourhood.points
        # Counts of cells of the space fit into a byte; those of large graphs may not.
        if points.max(initial=0) <= np.iinfo(np.uint8).max:
            points = points.astype(np.uint8)
        write_tree(folder / _NEIGHBOURHOOD_FILE, {"points": points})
        if self.curves is not None:
            self.curves.save(folder / CURVE_FOLDER)
        for number, of_setting in enumerate(self.latency):
            of_setting.save(folder / latency_folder(number))
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        metadata = {
            "schema_version": SCHEMA_VERSION,
            **asdict(self.metadata),
            "targets": [model.target.name for model in self.models],
            "latency_settings": [model.setting for model in self.latency],
            "sha256": {path.relative_to(folder).as_posix(): _sha256(path) for path in files},
        }
        text = json.dumps({**metadata, "metadata_sha256": content_hash(metadata)}, indent=2)
        (folder / _METADATA_FILE).write_text(text + "\n", encoding="utf-8")


def load_artifact(name_or_folder: str | Path = DEFAULT_ARTIFACT) -> Artifact:
    """Read an artifact: a shipped one by name, or any by its folder.

    Raises:
        UserError: if it does not exist, is a table, has another schema version, or a file is
            missing or corrupt.
    """
    folder = resolve_artifact_folder(name_or_folder)
    rule = f"folder {folder} must hold an artifact saved by this version"
    with unreadable(rule, "copy the artifact again or fit it again"):
        return _read_artifact(folder)


def _read_artifact(folder: Path) -> Artifact:
    metadata = _verified_metadata(folder)
    models = tuple(
        TargetModel.load(folder / name, TARGETS.get(name)) for name in metadata["targets"]
    )
    curve_folder = folder / CURVE_FOLDER
    curves = load_curve_model(curve_folder) if curve_folder.is_dir() else None
    return Artifact(
        ArtifactMetadata(
            name=metadata["name"],
            table=metadata["table"],
            recipe_hash=metadata["recipe_hash"],
            corpus_fingerprint=metadata["corpus_fingerprint"],
            semantics=metadata["semantics"],
            macro=Macro.from_plain(metadata["macro"]),
            trained_on=TrainedOn(
                tuple(metadata["trained_on"]["ops"]), metadata["trained_on"]["nodes"]
            ),
            trained_keys=metadata["trained_keys"],
            label_epochs=_label_epochs(metadata, curves),
            fit=metadata["fit"],
            versions=metadata["versions"],
        ),
        models,
        _read_measured(folder),
        _load_neighbourhood(folder, tuple(metadata["trained_on"]["ops"])),
        curves,
        tuple(
            LatencyModel.load(folder / latency_folder(number))
            for number in range(len(metadata.get("latency_settings", ())))
        ),
    )


def shipped_artifacts() -> tuple[str, ...]:
    """Names of the packaged artifacts, sorted."""
    return tuple(sorted(path.parent.name for path in _shipped().glob(f"*/{_METADATA_FILE}")))


def _shipped() -> Path:
    return Path(str(resources.files("surrogate"))) / "pretrained"


def resolve_artifact_folder(name_or_folder: str | Path) -> Path:
    """The folder of an artifact: a shipped one by name, or a folder itself (`./NAME`).

    Raises:
        UserError: if neither exists; the message lists the shipped ones.
    """
    folder = found_folder(name_or_folder, _shipped(), _METADATA_FILE)
    if folder is not None:
        return folder
    names = shipped_artifacts()
    raise UserError(
        f"there is no artifact {str(name_or_folder)!r}: give a folder with a {_METADATA_FILE}, or "
        f"one of the shipped artifacts: {', '.join(names) or 'none'}; `nasasr fit` makes one"
    )


def _verified_metadata(folder: Path) -> dict[str, Any]:
    metadata = _read_json(folder / _METADATA_FILE)
    if isinstance(metadata, dict) and "recipe" in metadata:
        raise UserError(
            f"{folder} must be an artifact, but is a table; fit one on it: "
            f"`nasasr fit {folder} --out DIR`"
        )
    version = metadata.get("schema_version") if isinstance(metadata, dict) else None
    if version not in (_WITHOUT_LABEL_EPOCHS, _WITH_JSON_NUMBERS, SCHEMA_VERSION):
        raise UserError(
            f"artifact {folder} must have schema version {_WITHOUT_LABEL_EPOCHS}, "
            f"{_WITH_JSON_NUMBERS} or {SCHEMA_VERSION}, but has {version!r}; use the nasasr "
            "version that wrote it, or fit it again"
        )
    listed = metadata.get("sha256")
    if not isinstance(listed, dict):
        raise UserError(
            f"artifact file {folder / _METADATA_FILE} must list the sha256 of each file, but has "
            f"{listed!r}; copy the artifact again or fit it again"
        )
    hashes = {_METADATA_FILE: metadata.pop("metadata_sha256", None), **listed}
    remedy = "copy the artifact again or fit it again"
    for name, expected in hashes.items():
        own = name == _METADATA_FILE
        found = content_hash(metadata) if own else _sha256(listed_file(folder, name, remedy))
        if found != expected:
            raise UserError(
                f"artifact file {folder / name} is corrupt: its sha256 must be {expected}, but is "
                f"{found}; {remedy}"
            )
    return dict(metadata)


def _label_epochs(metadata: dict[str, Any], curves: CurveModel | None) -> dict[str, EpochWindow]:
    if metadata["schema_version"] != _WITHOUT_LABEL_EPOCHS:
        return {name: EpochWindow(**of) for name, of in metadata["label_epochs"].items()}
    return {} if curves is None else {VAL_PER.name: curves.label_epochs}


def _load_neighbourhood(folder: Path, ops: tuple[str, ...]) -> Neighbourhood:
    arrays = read_arrays(folder / _NEIGHBOURHOOD_FILE)
    return Neighbourhood(ops, arrays["points"].astype(np.float32))


def _read_calibration(folder: Path) -> dict[str, Any]:
    if (folder / _CALIBRATION_FILE).is_file():
        return read_arrays(folder / _CALIBRATION_FILE)
    found: dict[str, Any] = _read_json(folder / _OLD_CALIBRATION_FILE)
    if "true_mean" in found:
        found["held_out"] = read_arrays(folder / _OLD_HELD_OUT_FILE)
    return found


def _read_measured(folder: Path) -> MeasuredRows:
    if (folder / _MEASURED_FILE).is_file():
        return MeasuredRows.from_plain(read_arrays(folder / _MEASURED_FILE))
    rows = _read_json(folder / _OLD_MEASURED_FILE)
    return MeasuredRows.of(
        {key: MeasuredRow(tuple(row["seeds"]), row["values"]) for key, row in rows.items()}
    )


def _read_json(path: Path) -> Any:
    try:
        return strict_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise UserError(
            f"cannot read artifact file {path}: {e}; copy the artifact again or fit it again"
        ) from e


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as e:
        raise UserError(
            f"artifact file {path} must be there, but cannot be read: {e.strerror}; copy the "
            "artifact again or fit it again"
        ) from e
