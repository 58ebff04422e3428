"""Fit an artifact on a benchmark table."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graph_encoding.common.errors import UserError
from graph_encoding.engines.engine import Engine
from graph_encoding.graph import CellGraph
from graph_encoding.macro import Macro
from surrogate.calibration import Neighbourhood, TrainedOn
from surrogate.curves import CurveModel, CurveSet
from surrogate.data.dataset import SeedPolicy, SurrogateDataset
from surrogate.data.folds import check_folds
from surrogate.data.targets import TARGETS, VAL_PER, Target, label_epochs
from surrogate.fitting.artifact import Artifact, ArtifactMetadata, TargetModel
from surrogate.fitting.fit_parts import (
    CurveTask,
    FitPlan,
    FitTask,
    LatencyTask,
    MakePredictor,
    check_labels,
)
from surrogate.fitting.measured_rows import MeasuredRow
from surrogate.jobs.checkpoint import Checkpoint
from surrogate.jobs.provenance import made_with, versions
from surrogate.jobs.tasks import OnProgress, no_progress, run
from surrogate.latency.model import LatencyModel, device_to_fit
from surrogate.predictors.base import FEWEST_KEYS

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable


def fit_artifact(
    table: "BenchmarkTable",
    targets: Sequence[Target],
    make_predictor: MakePredictor,
    *,
    name: str,
    seed_policy: SeedPolicy,
    folds: int,
    seed: int,
    effective_config: Mapping[str, Any],
    make_curve_predictor: MakePredictor | None = None,
    make_latency_predictor: MakePredictor | None = None,
    engine: Engine | None = None,
    checkpoint: Checkpoint | None = None,
    on_progress: OnProgress = no_progress,
) -> Artifact:
    """Fit one model for each target on all keys of a table, its curves and its latencies.

    Args:
        table: measured trainings.
        targets: what to predict, at least one.
        make_predictor: returns a new, unfitted predictor.
        name: name of the artifact.
        seed_policy: which trainings a label is made of, and which curves are learned.
        folds: parts that the calibration holds out in turn.
        seed: start of all randomness; each target begins with it anew.
        effective_config: the configuration, for the metadata.
        make_curve_predictor: returns a new, unfitted predictor for the curves' components; None
            omits curves.
        make_latency_predictor: the same for the latency of each setting of the table.
        engine: where targets, curves and latencies are fitted, one task each; by default in this
            process. Workers must be able to import the functions that make predictors.
        checkpoint: where fitted models are stored until the artifact is complete.
        on_progress: called with the number of finished steps and of all.

    Raises:
        UserError: if there is no target, there are too few keys, all labels are equal, or curves or
            latencies are unavailable, as curves without the target `val_per`. Errors that can be
            known before the first fit are raised then.
    """
    _check_targets(targets, curves=make_curve_predictor is not None)
    makers = (make_predictor, make_curve_predictor, make_latency_predictor)
    plan = FitPlan(table, seed_policy, folds, seed, *makers)
    datasets = tuple(plan.dataset(target) for target in targets)
    tasks = plan.tasks(datasets)
    _check_data(plan, datasets, tasks)
    graphs = datasets[0].graphs
    source = _metadata(name, table, targets, graphs, effective_config)
    inputs = _inputs(plan)
    models = run(
        tasks, plan, inputs=inputs, engine=engine, checkpoint=checkpoint, on_progress=on_progress
    )
    return Artifact(
        source,
        tuple(model for model in models if isinstance(model, TargetModel)),
        measured_rows(table, targets),
        Neighbourhood.of(graphs),
        next((model for model in models if isinstance(model, CurveModel)), None),
        tuple(model for model in models if isinstance(model, LatencyModel)),
    )


def _check_targets(targets: Sequence[Target], *, curves: bool) -> None:
    if not targets:
        raise UserError("a fit must have at least one target, but got none")
    names = [target.name for target in targets]
    if len(set(names)) < len(names):
        raise UserError(f"targets must be distinct, but are {names}; list each of them once")
    for target in targets:
        # An artifact stores the name alone.
        if target.name not in TARGETS or TARGETS.get(target.name) != target:
            raise UserError(
                f"targets of an artifact must be registered ({', '.join(TARGETS)}), but one is "
                f"{target}; register it with TARGETS.register(name, target), under a free name"
            )
    if curves and VAL_PER not in targets:
        raise UserError(
            f"learning curves need the target {VAL_PER.name!r}, whose intervals determine how much "
            f"wider theirs are for novel cells, but the targets are {', '.join(names)}; add it, or "
            "leave curves out"
        )


def _check_data(
    plan: FitPlan, datasets: Sequence[SurrogateDataset], tasks: Sequence[FitTask]
) -> None:
    """Raise now the errors of later fits."""
    for dataset in datasets:
        check_labels(dataset)
        check_folds(len(dataset), plan.folds, FEWEST_KEYS)
    for task in tasks:
        if isinstance(task, CurveTask):
            curves = CurveSet.from_table(plan.table, VAL_PER.transform, plan.seed_policy)
            check_folds(len(curves.graphs), plan.folds, FEWEST_KEYS)
        if isinstance(task, LatencyTask):
            device_to_fit(plan.table, task.setting, plan.folds)


def _metadata(
    name: str,
    table: "BenchmarkTable",
    targets: Sequence[Target],
    graphs: Sequence[CellGraph],
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
        label_epochs=label_epochs(targets, table.epochs),
        fit=dict(effective_config),
        versions=versions(),
    )


def _inputs(plan: FitPlan) -> dict[str, Any]:
    """What the models of a fit depend on beside code and versions."""
    makers = (plan.make_predictor, plan.make_curve_predictor, plan.make_latency_predictor)
    return {
        "job": "fit",
        "table": plan.table.content_sha256,
        "seed_policy": plan.seed_policy,
        "folds": plan.folds,
        "seed": plan.seed,
        **made_with([make() for make in makers if make is not None]),
    }


def macro_of_table(table: "BenchmarkTable") -> Macro:
    """The macro network that a table's cells were trained in.

    Raises:
        UserError: if the recipe does not describe it.
    """
    try:
        return Macro.from_plain(table.metadata.recipe["macro"])
    except KeyError as e:
        raise UserError(
            f"the recipe of table {table.metadata.name!r} must describe its 'macro' network, but "
            f"has only {sorted(table.metadata.recipe)}; build the table again"
        ) from e


def measured_rows(table: "BenchmarkTable", targets: Sequence[Target]) -> dict[str, MeasuredRow]:
    """All measured labels of some targets, by functional key."""
    found = {}
    for key in table.keys:
        columns = {t.name: table.labels_of(key, t.label) for t in targets}
        seeds = tuple(next(iter(columns.values())))
        found[key] = MeasuredRow(
            seeds, {name: tuple(by_seed.values()) for name, by_seed in columns.items()}
        )
    return found
