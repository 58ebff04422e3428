"""`nasasr fit`: a surrogate from a benchmark table, with a report on held-out cells."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from surrogate.cli.config_argument import ConfigKind, config_option
from surrogate.cli.engine_options import (
    AddressOption,
    EngineName,
    EngineOption,
    WorkersOption,
    chosen_or_this,
)
from surrogate.cli.output import ReportFormat, Value, require_new_folder, write_json
from surrogate.cli.progress import ProgressDisplay, told_when_stopped
from surrogate.cli.score_tables import legend, score_lines, write_in_pieces

if TYPE_CHECKING:
    from graph_encoding.engines.engine import Engine
    from surrogate.comparison import SummaryRow
    from surrogate.fitting.artifact import Artifact
    from surrogate.fitting.config import FitConfig
    from surrogate.jobs.checkpoint import Checkpoint
    from train_benchmark.table.benchmark_table import BenchmarkTable

_SHOWN = ("kendall_tau", "spearman_rho", "rmse")
"""Metrics of the report, besides coverage and width."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(fit)


def fit(
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="Shipped table, or the folder of one (./NAME).")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="New folder for the artifact.")],
    config: Annotated[
        Path | None,
        config_option(ConfigKind.PREDICTOR, "Predictor and targets: xgb, or a TOML file."),
    ] = None,
    prior_table: Annotated[
        str | None,
        typer.Option(metavar="TABLE", help="Complete table of a cheaper recipe to learn from too."),
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Compare with baselines on held-out cells first.")
    ] = False,
    engine: EngineOption = EngineName.LOCAL,
    workers: WorkersOption = None,
    address: AddressOption = None,
    output: Annotated[
        ReportFormat, typer.Option("--format", help="Output format.")
    ] = ReportFormat.TABLE,
) -> None:
    """Fit a surrogate on a table and write it as an artifact.

    Run the same command again to resume it.
    """
    from surrogate.fitting.config import (
        default_fit_config,
        for_table,
        load_fit_config,
        with_prior_table,
    )
    from surrogate.jobs.checkpoint import Checkpoint
    from train_benchmark.table.benchmark_table import BenchmarkTable

    chosen = default_fit_config() if config is None else load_fit_config(config)
    if prior_table is not None:
        chosen = with_prior_table(chosen, prior_table)
    where = chosen_or_this(engine, workers, address)
    require_new_folder(out, "artifact")
    data = BenchmarkTable.load(table)
    lost = data.rows_without_label
    if lost:
        typer.echo(f"{lost} of {len(data)} rows have no label and are left out", err=True)
    asked, chosen = chosen, for_table(chosen, data)
    if chosen is not asked:
        typer.echo(f"curves of {data.epochs} epochs are too short to be forecast", err=True)
    checkpoint = Checkpoint.beside(out)
    stopped = f"{out} was not written; the same command resumes from {checkpoint.folder}"
    with told_when_stopped(stopped):
        if report:
            _write_report(_held_out(data, chosen, where, checkpoint), output)
        artifact = _fitted(data, chosen, out.name, where, checkpoint)
        artifact.save(out)
        checkpoint.remove()
    functions = artifact.metadata.trained_keys
    if output is ReportFormat.JSON and not report:
        write_json({"artifact": str(out), "functions": functions})
    typer.echo(f"wrote {out}: {functions} functions", err=True)


def _fitted(
    data: "BenchmarkTable",
    chosen: "FitConfig[Any]",
    name: str,
    engine: "Engine",
    checkpoint: "Checkpoint",
) -> "Artifact":
    from surrogate.fitting.fit_artifact import fit_artifact
    from surrogate.jobs.provenance import plain_config

    with ProgressDisplay("fitting") as display:
        return fit_artifact(
            data,
            chosen.chosen_targets(),
            chosen.make_predictor,
            name=name,
            seed_policy=chosen.seed_policy,
            folds=chosen.folds,
            seed=chosen.seed,
            effective_config=plain_config(
                chosen.make_predictor(),
                **chosen.model_dump(mode="json", exclude={"predictor", "settings"}),
            ),
            make_curve_predictor=chosen.make_curve_predictor,
            make_latency_predictor=chosen.make_latency_predictor,
            engine=engine,
            checkpoint=checkpoint,
            on_progress=display.show,
        )


def _held_out(
    table: "BenchmarkTable", config: "FitConfig[Any]", engine: "Engine", checkpoint: "Checkpoint"
) -> "list[SummaryRow]":
    """Scores of the fit's predictor and of baselines on held-out keys; those to show."""
    from surrogate.comparison.fit_result import percent
    from surrogate.comparison.held_out import HeldOutComparison, fit_contenders
    from surrogate.data.dataset import SurrogateDataset
    from surrogate.fitting.fit_artifact import macro_of_table

    chosen = config.evaluation
    comparison = HeldOutComparison(
        tuple(
            SurrogateDataset.from_table(table, target, config.seed_policy)
            for target in config.chosen_targets()
        ),
        fit_contenders(config, macro_of_table(table)),
        repeats=chosen.repeats,
        test_fraction=chosen.test_fraction,
        folds=config.folds,
        level=chosen.level,
        seed=config.seed,
    )
    with ProgressDisplay("held-out fits") as display:
        rows = comparison.run(engine=engine, checkpoint=checkpoint, on_progress=display.show)
    level = percent(chosen.level)
    shown = {*_SHOWN, f"coverage_{level}", f"width_{level}"}
    return [row for row in rows if row.metric in shown]


def _write_report(summary: "list[SummaryRow]", output: ReportFormat) -> None:
    if output is ReportFormat.JSON:
        write_json([asdict(row) for row in summary])
        return
    places: dict[str, Callable[[SummaryRow], Value]] = {
        "target": lambda row: row.target,
        "predictor": lambda row: row.predictor,
        "repeats": lambda row: row.repeats,
    }
    write_in_pieces(score_lines(summary, places), [*places])
    typer.echo(f"\n{legend(summary)}")
