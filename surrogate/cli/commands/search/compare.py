"""`nasasr search compare`: searchers side by side, judged by trainings that they did not see."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from surrogate.cli.config_argument import ConfigKind, config_argument
from surrogate.cli.engine_options import (
    AddressOption,
    EngineName,
    EngineOption,
    WorkersOption,
    chosen_or_this,
)
from surrogate.cli.options import PlainFormat, resumed_by
from surrogate.cli.output import ReportFormat, Row, write_json, write_table
from surrogate.cli.progress import ProgressDisplay, told_when_stopped

if TYPE_CHECKING:
    from surrogate.search.judging.summary import ComparisonSummary, MetricSummary


def compare(
    config: Annotated[Path, config_argument(ConfigKind.SEARCH, "timit-micro")],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder for results; by default runs/search-compare/NAME."
        ),
    ] = None,
    engine: EngineOption = EngineName.LOCAL,
    workers: WorkersOption = None,
    address: AddressOption = None,
    output: PlainFormat = ReportFormat.TABLE,
) -> None:
    """Compare searchers over paired repeats; run again to resume."""
    from surrogate.comparison.plugin import find_plugins
    from surrogate.search.judging.compare import run_comparison
    from surrogate.search.judging.config import load_compare_config

    chosen = load_compare_config(config)
    find_plugins(entry.kind or name for name, entry in chosen.searchers.items())
    folder = out or Path("runs") / "search-compare" / chosen.name
    where = chosen_or_this(engine, workers, address)
    with told_when_stopped(resumed_by(folder)), ProgressDisplay("searches") as display:
        summary = run_comparison(chosen, folder, engine=where, on_progress=display.show)
    if output is ReportFormat.JSON:
        write_json(asdict(summary))
    else:
        _write_tables(summary)
    typer.echo(
        f"wrote {folder}: summary.json, report.html, scores.parquet, curves.parquet, runs/",
        err=True,
    )


def _write_tables(summary: "ComparisonSummary") -> None:
    write_table([_row(row, summary.reference) for row in summary.rows])
    typer.echo("")
    write_table(
        [
            {
                "searcher": name,
                "cpu_seconds_per_search": f"{seconds:.2f}",
                "cpu_seconds_per_batch": f"{summary.cpu_seconds_per_batch[name]:.3f}",
            }
            for name, seconds in summary.cpu_seconds.items()
        ]
    )
    sources = ", ".join(f"{count} by {name}" for name, count in summary.truth_sources.items())
    typer.echo(
        f"\n{summary.repeats} paired repeats of {summary.budget} trainings; truth "
        f"{summary.truth_sha256[:12]}: {sources}"
    )


def _row(row: "MetricSummary", reference: str) -> Row:
    from surrogate.search.judging.summary import ratio_text

    return {
        "metric": row.metric,
        "searcher": row.searcher,
        "median": f"{row.median:.4g}",
        "mean": f"{row.mean:.4g}",
        "reached": f"{row.reached:.0%}",
        f"{reference} / this": ratio_text(row.ratio),
        "95 % interval": f"{ratio_text(row.ratio_low)} .. {ratio_text(row.ratio_high)}",
    }
