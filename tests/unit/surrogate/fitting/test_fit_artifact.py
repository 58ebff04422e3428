"""Fits: what cannot succeed is refused before it begins, what was stopped goes on."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph_encoding import Cell, UserError, cell_graph
from surrogate.data.dataset import SeedPolicy, SurrogateDataset
from surrogate.data.targets import TEST_PER, VAL_PER, Identity, Target
from surrogate.fitting.artifact import Artifact
from surrogate.fitting.fit_artifact import fit_artifact
from surrogate.fitting.fit_parts import CurveTask, FitPlan, TargetTask, fit_target
from surrogate.jobs.checkpoint import Checkpoint
from surrogate.jobs.tasks import file_names, local_engine
from surrogate.predictors import MeanPredictor, Predictor, RidgePredictor
from surrogate.predictors.ridge import Columns, RidgeSettings
from surrogate.testing.synthetic import synthetic_dataset, synthetic_table
from tests.unit.train_benchmark.table.test_latencies import RECORDS, SETTING
from train_benchmark.record import TrainingRecord
from train_benchmark.record_files.latency_record import LatencyRecord
from train_benchmark.table.benchmark_table import BenchmarkTable


def never() -> Predictor:
    raise AssertionError("a predictor was made")


def refuse(
    table: BenchmarkTable, rule: str, targets: Sequence[Target] = (VAL_PER,), folds: int = 3
) -> None:
    """Fit all there is of a table, which must end in an error before it has begun."""
    with pytest.raises(UserError, match=rule):
        fit_artifact(
            table,
            targets,
            never,
            name="made-up",
            seed_policy="mean",
            folds=folds,
            seed=0,
            effective_config={},
            make_curve_predictor=never,
            make_latency_predictor=never,
        )


def changed(table: BenchmarkTable, **values: object) -> BenchmarkTable:
    records: tuple[TrainingRecord, ...] = tuple(
        replace(record, **values)  # type: ignore[arg-type]
        for record in table.records
    )
    return BenchmarkTable(table.metadata, records)


@pytest.mark.parametrize("most", [0.99, 1.3])
def test_labels_that_are_all_one_where_they_are_learned_are_refused(most: float) -> None:
    """Error rates from the clip on are one."""
    collapsed = replace(synthetic_dataset(20), values=np.linspace(0.99, most, 20))
    rule = rf"all 20 labels of target 'val_per' are equal .*range 0\.99 \.\. {most}\): leave"
    with pytest.raises(UserError, match=rule):
        fit_target(collapsed, never, 3, np.random.default_rng(0))


def test_forecasts_of_one_seed_have_it_as_the_main_seed() -> None:
    table = synthetic_table(60)
    seed = table.seeds[1]
    for policy, main in ((seed, seed), ("mean", None)):
        artifact = fit_artifact(
            table,
            (VAL_PER,),
            RidgePredictor,
            name="made-up",
            seed_policy=policy,
            folds=3,
            seed=0,
            effective_config={},
        )
        true_means = artifact.models[0].true_means
        assert true_means is not None
        assert true_means.model.main_seed == main


def test_a_target_that_changed_under_its_name_is_fitted_again() -> None:
    dataset = synthetic_dataset(20)
    other = replace(dataset, target=replace(dataset.target, label="val_per_last"))
    names = [file_names([TargetTask.of(of)], {}) for of in (dataset, dataset, other)]
    assert names[0] == names[1] != names[2]


def test_the_last_target_is_looked_at_before_the_first_is_fitted() -> None:
    table = changed(synthetic_table(20), test_per=0.7)
    refuse(table, "all 20 labels of target 'test_per' are equal", (VAL_PER, TEST_PER))


def test_a_target_twice_is_refused() -> None:
    refuse(synthetic_table(20), "targets must be distinct", (VAL_PER, TEST_PER, VAL_PER))


def test_a_target_that_is_not_registered_is_refused() -> None:
    """An artifact that names it could not be read back."""
    for target in (replace(VAL_PER, name="mine"), replace(VAL_PER, transform=Identity())):
        refuse(synthetic_table(20), "targets of an artifact must be registered", [target])


def test_more_folds_than_functions_are_refused() -> None:
    refuse(
        synthetic_table(12),
        "20 folds must have at least 20 keys, but got 12; take 12 folds, or",
        folds=20,
    )


def test_a_seed_that_is_held_out_is_held_out_of_the_curves_too() -> None:
    table = synthetic_table(30)
    first = BenchmarkTable(table.metadata, [r for r in table.records if r.seed == 1])

    def curves(of: BenchmarkTable, seed_policy: SeedPolicy) -> list[bytes]:
        part = CurveTask()
        plan = FitPlan(of, seed_policy, 3, 0, never, RidgePredictor, None)
        told = part.make(plan, lambda: None).forecast([cell_graph(Cell.parse("10_100_1000"))])
        return [told.mean.tobytes(), told.low.tobytes()]

    assert curves(table, 1) == curves(first, "mean") != curves(table, "mean")


def test_curves_that_are_too_short_are_refused() -> None:
    table = synthetic_table(20)
    short = tuple(
        replace(
            record,
            val_per_curve=record.val_per_curve[-4:],
            train_loss_curve=record.train_loss_curve[-4:],
        )
        for record in table.records
    )
    refuse(BenchmarkTable(table.metadata, short), "at least 5 epochs")


def test_a_recipe_without_a_network_is_refused() -> None:
    table = synthetic_table(20)
    metadata = replace(table.metadata, recipe={"name": "synthetic"})
    refuse(BenchmarkTable(metadata, table.records), "must describe its 'macro'")


def test_several_processes_fit_the_same_artifact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    table = with_latencies(tmp_path)
    hashes = []
    for workers in (1, 2):
        folder = tmp_path / f"of-{workers}" / "made-up"
        fit_all(table, workers=workers).save(folder)
        hashes.append(json.loads((folder / "metadata.json").read_text())["sha256"])
    assert hashes[0] == hashes[1]
    assert {name.split("/")[0] for name in hashes[0]} >= {"val_per", "test_per", "curve"}


def test_a_stopped_fit_resumes_from_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, checkpoint = with_latencies(tmp_path), Checkpoint(tmp_path / "results")
    with monkeypatch.context() as patched:
        patched.setattr("surrogate.fitting.fit_parts.CurveModel.fit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit_all(table, checkpoint=checkpoint)
    with monkeypatch.context() as patched:
        patched.setattr("surrogate.fitting.fit_parts.calibrate", interrupted)
        artifact = fit_all(table, checkpoint=checkpoint)
    for resumed, anew in zip(artifact.models, fit_all(table).models, strict=True):
        graphs = SurrogateDataset.from_table(table, anew.target, "mean").graphs
        np.testing.assert_array_equal(
            resumed.predictor.predict(graphs).mean, anew.predictor.predict(graphs).mean
        )
        np.testing.assert_equal(resumed.calibrator.to_plain(), anew.calibrator.to_plain())


@pytest.mark.parametrize("what", ["table", "folds", "settings"])
def test_models_of_another_fit_are_not_reused(what: str, tmp_path: Path) -> None:
    table, checkpoint = with_latencies(tmp_path), Checkpoint(tmp_path / "results")
    fit_all(table, checkpoint=checkpoint)
    stored = {path.name for path in checkpoint.folder.iterdir()}
    assert len(stored) == 4
    changes: dict[str, Any] = {
        "table": {"table": changed(table, train_seconds=1.0)},
        "folds": {"folds": 4},
        "settings": {"columns": "statistics"},
    }
    made = fit_all(**{"table": table, "checkpoint": checkpoint, **changes[what]})
    new = {path.name for path in checkpoint.folder.iterdir()} - stored
    assert len(new) == len(made.models) + 1 + len(made.latency)


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def with_latencies(folder: Path) -> BenchmarkTable:
    table = synthetic_table(30)
    table.save(folder / "table", latencies(table, 20))
    return BenchmarkTable.load(folder / "table")


def fit_all(
    table: BenchmarkTable,
    *,
    folds: int = 3,
    columns: Columns = "counts",
    workers: int = 1,
    checkpoint: Checkpoint | None = None,
) -> Artifact:
    """Two targets, curves and a latency."""
    return fit_artifact(
        table,
        (VAL_PER, TEST_PER),
        partial(RidgePredictor, RidgeSettings(columns=columns)),
        name="made-up",
        seed_policy="mean",
        folds=folds,
        seed=0,
        effective_config={},
        make_curve_predictor=MeanPredictor,
        make_latency_predictor=MeanPredictor,
        engine=local_engine(workers),
        checkpoint=checkpoint,
    )


def latencies(table: BenchmarkTable, count: int, device: str = "a") -> list[LatencyRecord]:
    return [
        replace(
            RECORDS[0],
            functional_key=key,
            cell=table.rows_of(key)[0].cell,
            latency_s=0.001 * (i + 1),
            device=device,
        )
        for i, key in enumerate(table.keys[:count])
    ]


def test_a_setting_of_two_devices_is_refused(tmp_path: Path) -> None:
    table = synthetic_table(20)
    table.save(tmp_path / "t", [*latencies(table, 20), *latencies(table, 20, "b")])
    refuse(BenchmarkTable.load(tmp_path / "t"), "one device per setting")


def test_a_setting_of_few_functions_is_refused(tmp_path: Path) -> None:
    """Of eight no forecast could be had at the default level."""
    table = synthetic_table(20)
    table.save(tmp_path / "t", latencies(table, 8))
    refuse(
        BenchmarkTable.load(tmp_path / "t"),
        f"at least 9 functions, but {SETTING!r} .* 8.*--latency",
    )
