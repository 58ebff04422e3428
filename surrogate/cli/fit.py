"""`nasasr fit`: a surrogate out of a benchmark table, judged on held-out cells."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph_encoding.errors import UserError
from surrogate.cli.output import ReportFormat, Row, write_json, write_table

if TYPE_CHECKING:
    from surrogate.config import FitConfig
    from surrogate.evaluation import Summary
    from train_benchmark.table import BenchmarkTable


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(fit)


def fit(
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="Shipped table, or the folder of one.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="New folder for the artifact.")],
    config: Annotated[
        Path | None, typer.Option(help="TOML file, such as configs/predictor/xgb.toml.")
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Compare with baselines on held-out cells first.")
    ] = False,
    output: Annotated[
        ReportFormat, typer.Option("--format", help="Form of the report.")
    ] = ReportFormat.TABLE,
) -> None:
    """Fit a surrogate on a table and write it as an artifact."""
    from surrogate.config import default_fit_config, load_fit_config
    from surrogate.fitting import fit_artifact, plain_config
    from train_benchmark.table import BenchmarkTable

    chosen = default_fit_config() if config is None else load_fit_config(config)
    if out.exists():
        raise UserError(f"artifact folder {out} exists; choose another or remove it")
    data = BenchmarkTable.load(table)
    lost = len(data) - len(data.measured)
    if lost:
        typer.echo(f"{lost} of {len(data)} rows have no label and are left out", err=True)
    if report:
        _write_report(_held_out(data, chosen), output)
    with FitProgress() as display:
        artifact = fit_artifact(
            data,
            chosen.chosen_targets(),
            chosen.make_predictor,
            name=out.name,
            seed_policy=chosen.seed_policy,
            folds=chosen.folds,
            seed=chosen.seed,
            effective_config=plain_config(
                chosen.make_predictor(),
                **chosen.model_dump(mode="json", exclude={"predictor", "settings"}),
            ),
            make_curve_predictor=chosen.make_curve_predictor,
            make_latency_predictor=chosen.make_latency_predictor,
            on_progress=display.show,
        )
    artifact.save(out)
    typer.echo(f"wrote {out}: {artifact.metadata.trained_keys} functions", err=True)


class FitProgress:
    """A bar of what is done on a terminal; elsewhere nothing.

    Args:
        what: word in front of it.
    """

    def __init__(self, what: str = "fitting") -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn(what),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(what, total=None)

    def __enter__(self) -> "FitProgress":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, done: int, total: int) -> None:
        """Show how many of the steps are done."""
        self._bar.update(self._task, completed=done, total=total)


def _held_out(table: "BenchmarkTable", config: "FitConfig[Any]") -> "tuple[Summary, ...]":
    from surrogate.config import comparison_makers
    from surrogate.dataset import SurrogateDataset
    from surrogate.evaluation import compare, summarise

    scores = [
        score
        for target in config.chosen_targets()
        for score in compare(
            SurrogateDataset.from_table(table, target, config.seed_policy),
            comparison_makers(config),
            repeats=config.evaluation.repeats,
            test_fraction=config.evaluation.test_fraction,
            folds=config.folds,
            level=config.evaluation.level,
            seed=config.seed,
        )
    ]
    return summarise(scores)


def _write_report(summaries: "tuple[Summary, ...]", output: ReportFormat) -> None:
    if output is ReportFormat.JSON:
        write_json([asdict(summary) for summary in summaries])
        return
    rows: dict[tuple[str, str], dict[str, str | int]] = {}
    for s in summaries:
        row = rows.setdefault(
            (s.target, s.predictor),
            {"target": s.target, "predictor": s.predictor, "repeats": s.repeats},
        )
        row[s.metric] = f"{s.mean:.4f} ({s.std:.4f})"
    shown: list[Row] = list(rows.values())
    write_table(shown)
