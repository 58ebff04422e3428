"""From a benchmark table to an artifact."""

import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from graph_encoding.errors import UserError
from graph_encoding.macro import Macro
from surrogate.artifact import Artifact, ArtifactMetadata, MeasuredRow, TargetModel
from surrogate.calibration import (
    Neighbourhood,
    TrainedOn,
    calibrate_support,
    calibration_steps,
    seed_share,
)
from surrogate.curves import CurveModel, CurveSet
from surrogate.dataset import SeedPolicy, SurrogateDataset
from surrogate.latency_model import LatencyModel, device_to_fit
from surrogate.predictors import Predictor
from surrogate.targets import VAL_PER, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graph_encoding.graph import CellGraph
    from train_benchmark.table import BenchmarkTable

_VERSIONED = (
    "nasasr",
    "numpy",
    "scipy",
    "xgboost-cpu",
    "xgboost",
    "lightgbm",
    "torch",
    "torch-geometric",
)


def fit_target(
    dataset: SurrogateDataset,
    make_predictor: Callable[[], Predictor],
    folds: int,
    rng: np.random.Generator,
    on_step: Callable[[], None] = lambda: None,
) -> TargetModel:
    """Fit a predictor on all keys and calibrate it, for graphs like those and unlike them.

    Args:
        dataset: n labelled graphs.
        make_predictor: gives a new, unfitted predictor.
        folds: parts that the calibration holds out in turn, 2 .. n.
        rng: source of all randomness.
        on_step: called after each of `calibration_steps` steps.

    Raises:
        UserError: if there are too few keys for the folds, or their labels are all one.
    """
    _check_labels(dataset)
    calibrated = calibrate_support(dataset, make_predictor, folds, rng, on_step)
    share = seed_share(dataset.sorted_by_key(), calibrated.held_out_std)
    return TargetModel(dataset.target, calibrated.predictor, calibrated.calibrator, share)


def fit_artifact(
    table: "BenchmarkTable",
    targets: "Sequence[Target]",
    make_predictor: Callable[[], Predictor],
    *,
    name: str,
    seed_policy: SeedPolicy,
    folds: int,
    seed: int,
    effective_config: Mapping[str, Any],
    make_curve_predictor: Callable[[], Predictor] | None = None,
    make_latency_predictor: Callable[[], Predictor] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Artifact:
    """Fit one model for each target on all keys of a table, its curves and its latencies.

    Args:
        table: measured trainings.
        targets: what to forecast, at least one.
        make_predictor: gives a new, unfitted predictor.
        name: name of the artifact.
        seed_policy: which trainings a label is made of.
        folds: parts that the calibration holds out in turn.
        seed: start of all randomness; each target begins with it anew.
        effective_config: what the artifact shall remember of the configuration.
        make_curve_predictor: gives a new, unfitted predictor for the curves' components; None
            leaves curves out.
        make_latency_predictor: the same for the latency of each setting that the table has.
        on_progress: called with the steps that are done and their number, first with none done.

    Raises:
        UserError: if there is no target, too few keys, labels are all one, or curves or latencies
            are asked for and cannot be had, as curves without the target `val_per`. What can be
            known before the first fit is refused before it.
    """
    _check_targets(targets, curves=make_curve_predictor is not None)
    datasets = [SurrogateDataset.from_table(table, target, seed_policy) for target in targets]
    settings = () if make_latency_predictor is None else table.latency.settings
    _check_data(table, datasets, settings, folds, curves=make_curve_predictor is not None)
    graphs = datasets[0].graphs
    source = _metadata(name, table, graphs, effective_config)
    fits = sum(calibration_steps(d.graphs) for d in datasets)
    fits += (make_curve_predictor is not None) + len(settings)
    steps = _Steps(fits, on_progress)
    models = tuple(
        fit_target(dataset, make_predictor, folds, np.random.default_rng(seed), steps.step)
        for dataset in datasets
    )
    curves = _fit_curves(table, make_curve_predictor, folds, seed, steps.step)
    latency = _fit_latencies(table, make_latency_predictor, folds, seed, steps.step)
    return Artifact(
        source,
        models,
        measured_rows(table, targets),
        Neighbourhood.of(graphs),
        curves,
        latency,
    )


def _check_targets(targets: "Sequence[Target]", *, curves: bool) -> None:
    if not targets:
        raise UserError("a fit must have at least one target, but got none")
    names = [target.name for target in targets]
    if len(set(names)) < len(names):
        raise UserError(f"every target must stand once, but got {names}")
    if curves and VAL_PER not in targets:
        raise UserError(
            f"learning curves must go with the target {VAL_PER.name!r}, whose intervals say how "
            "much wider theirs are for cells unlike the table's, but the targets are "
            f"{', '.join(names)}; add it, or leave curves out"
        )


def _check_data(
    table: "BenchmarkTable",
    datasets: "Sequence[SurrogateDataset]",
    settings: "Sequence[str]",
    folds: int,
    *,
    curves: bool,
) -> None:
    """Refuse now what the last of the fits would refuse."""
    for dataset in datasets:
        _check_labels(dataset)
    if curves:
        CurveSet.from_table(table, VAL_PER.transform)
    for setting in settings:
        device_to_fit(table, setting, folds)


def _check_labels(dataset: SurrogateDataset) -> None:
    labels = dataset.model_values
    if len(labels) > 1 and (labels == labels[0]).all():
        raise UserError(
            f"labels must differ on the scale that is learned, but all {len(labels)} of target "
            f"{dataset.target.name!r} are one there ({dataset.values.min()} .. "
            f"{dataset.values.max()}); leave the target out, or fit on a table whose trainings "
            "differ in it"
        )


def _metadata(
    name: str,
    table: "BenchmarkTable",
    graphs: "Sequence[CellGraph]",
    effective_config: Mapping[str, Any],
) -> ArtifactMetadata:
    return ArtifactMetadata(
        name=name,
        table=table.metadata.name,
        recipe_hash=table.metadata.recipe_hash,
        corpus_fingerprint=table.metadata.corpus_fingerprint,
        semantics=table.metadata.semantics,
        macro=macro_of_table(table),
        trained_on=TrainedOn.of(graphs),
        trained_keys=len(graphs),
        fit=dict(effective_config),
        versions=_versions(),
    )


def _fit_curves(
    table: "BenchmarkTable",
    make_predictor: Callable[[], Predictor] | None,
    folds: int,
    seed: int,
    on_step: Callable[[], None],
) -> CurveModel | None:
    if make_predictor is None:
        return None
    curves = CurveModel.fit(table, make_predictor, np.random.default_rng(seed), folds=folds)
    on_step()
    return curves


def _fit_latencies(
    table: "BenchmarkTable",
    make_predictor: Callable[[], Predictor] | None,
    folds: int,
    seed: int,
    on_step: Callable[[], None],
) -> tuple[LatencyModel, ...]:
    if make_predictor is None:
        return ()
    models = []
    for setting in table.latency.settings:
        rng = np.random.default_rng(seed)
        models.append(LatencyModel.fit(table, setting, make_predictor, folds, rng))
        on_step()
    return tuple(models)


class _Steps:
    """Counts the steps of a fit."""

    def __init__(self, total: int, on_progress: Callable[[int, int], None] | None) -> None:
        self._done, self._total, self._on_progress = 0, total, on_progress
        self._tell()

    def step(self) -> None:
        self._done += 1
        self._tell()

    def _tell(self) -> None:
        if self._on_progress:
            self._on_progress(self._done, self._total)


def macro_of_table(table: "BenchmarkTable") -> Macro:
    """The macro network that a table's cells were trained in.

    Raises:
        UserError: if the recipe does not say.
    """
    try:
        return Macro.from_plain(table.metadata.recipe["macro"])
    except KeyError as e:
        raise UserError(
            f"the recipe of table {table.metadata.name!r} must describe its 'macro' network, but "
            f"has only {sorted(table.metadata.recipe)}; build the table again"
        ) from e


def measured_rows(table: "BenchmarkTable", targets: "Sequence[Target]") -> dict[str, MeasuredRow]:
    """All measured labels of some targets, by functional key."""
    found = {}
    for key in table.keys:
        columns = {t.name: table.labels_of(key, t.label) for t in targets}
        seeds = tuple(next(iter(columns.values())))
        found[key] = MeasuredRow(
            seeds, {name: tuple(by_seed.values()) for name, by_seed in columns.items()}
        )
    return found


def plain_config(predictor: Predictor, **options: object) -> dict[str, Any]:
    """What an artifact remembers of its fit: the predictor's name and settings, and options."""
    return {"predictor": predictor.name, "settings": asdict(predictor.settings), **options}


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _VERSIONED:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue  # one of xgboost's two names, or a package that only some predictors need
    return found
