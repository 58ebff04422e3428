"""`nasasr table`: build a benchmark table out of a campaign, or look at one."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph_encoding.common.errors import CorruptFileError, UserError
from surrogate.cli.config_argument import ConfigKind, config_option
from surrogate.cli.extras import imports_of
from surrogate.cli.options import (
    CORPUS_HELP,
    PlainFormat,
    RowFormat,
    Table,
    corpus_roots,
    integers_of,
)
from surrogate.cli.output import (
    CHECK_FAILED,
    Format,
    ReportFormat,
    write_json,
    write_rows,
    write_table,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from train_benchmark.table.benchmark_table import BenchmarkTable
    from train_benchmark.table.verify import Check


class ExportFormat(StrEnum):
    """Formats of an exported table; nb-asr is that of the original benchmark."""

    CSV = "csv"
    PARQUET = "parquet"
    NB_ASR = "nb-asr"


def register(app: typer.Typer) -> None:
    """Add the group of commands to the program."""
    group = typer.Typer(no_args_is_help=True, help="Build a benchmark table, or inspect one.")
    group.command("build")(build)
    group.command("attach-latency")(attach_latency)
    group.command("info")(info)
    group.command("noise")(noise)
    group.command("verify")(verify)
    group.command("export")(export)
    app.add_typer(group, name="table")


def build(
    campaign: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a campaign.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="New folder for the table.")],
    latency: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Folder of `nasasr latency` to include; repeatable."),
    ] = None,
    latency_of: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Share the latencies of this shipped table."),
    ] = None,
) -> None:
    """Build a table of the records of a campaign."""
    from train_benchmark.table.build import build_table

    table = build_table(campaign, out, latency or (), latency_of)
    typer.echo(f"wrote {out}: {len(table)} rows, {len(table.keys)} functions", err=True)


def attach_latency(
    table: Table,
    sweeps: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Folders of `nasasr latency`.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="New folder for the table.")],
) -> None:
    """Copy a table and add latencies to it."""
    from train_benchmark.table.benchmark_table import BenchmarkTable
    from train_benchmark.table.latencies import gather_latencies

    loaded = BenchmarkTable.load(table)
    known = loaded.latency.records()
    latencies = gather_latencies(sweeps, loaded.metadata.semantics, known)
    loaded.save(out, latencies)
    typer.echo(f"wrote {out}: {len(latencies)} latencies, {len(known)} of them known", err=True)


def info(
    table: Table = "timit-micro",
    output: PlainFormat = ReportFormat.TABLE,
) -> None:
    """Show the size, source and labels of a table."""
    from train_benchmark.table.benchmark_table import BenchmarkTable
    from train_benchmark.table.description import describe_table

    facts = describe_table(BenchmarkTable.load(table))
    if output is ReportFormat.JSON:
        write_json(facts)
        return
    labels = facts.pop("labels")
    facts["latency"] = "; ".join(f"{name}: {n}" for name, n in facts["latency"].items()) or "none"
    write_table([{"property": name, "value": str(value)} for name, value in facts.items()])
    if labels:
        typer.echo("")
        write_table([{"label": label, **values} for label, values in labels.items()])


def noise(
    table: Table = "timit-micro",
    seeds: Annotated[str, typer.Option(help="Seeds to compare, joined by commas.")] = "1234,1235",
    output: RowFormat = Format.TABLE,
) -> None:
    """Report the seed noise of a table.

    It is the agreement between repeated trainings of a cell. A predictor can agree better, because
    it learns from many cells. `nasasr benchmark` prints the noise ceiling, the upper bound on its
    score.
    """
    from dataclasses import asdict

    from surrogate.metrics.seeds import table_agreement
    from train_benchmark.table.benchmark_table import BenchmarkTable

    found = table_agreement(BenchmarkTable.load(table), integers_of("--seeds", seeds))
    write_rows([{"label": label, **asdict(row)} for label, row in found.items()], output)


def verify(
    table: Table = "timit-micro",
    campaign: Annotated[
        Path | None,
        config_option(
            ConfigKind.CAMPAIGN, "Campaign; the table must have its recipe and all its cells."
        ),
    ] = None,
    retrain: Annotated[
        int, typer.Option(min=0, help="Number of random records to train again.")
    ] = 0,
    corpus: Annotated[list[str] | None, typer.Option(metavar="PATH", help=CORPUS_HELP)] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of their random choice.")] = 0,
    output: RowFormat = Format.TABLE,
) -> None:
    """Check that a table is consistent.

    The exit code is 1 if it is not.
    """
    from train_benchmark.table.benchmark_table import BenchmarkTable
    from train_benchmark.table.verify import Check, verify_table

    if retrain and (corpus is None or campaign is None):
        raise UserError("--retrain needs --corpus and --campaign: the training data and the recipe")
    if corpus is not None and not retrain:
        raise UserError(
            f"--corpus {' '.join(corpus)} is read by --retrain N only; add it or leave both out"
        )
    try:
        loaded = BenchmarkTable.load(table)
    except CorruptFileError as e:
        _end_checks([Check("files", False, str(e))], table, output)
        return
    planned = None
    if campaign is not None:
        from train_benchmark.collecting.plan import Campaign

        planned = Campaign.load(campaign)
    checks = list(
        verify_table(
            loaded,
            recipe_hash=planned.recipe.hash if planned else None,
            wanted=planned.identities() if planned else (),
        )
    )
    if planned is not None and corpus is not None and retrain:
        import numpy as np

        from train_benchmark.table.verify import verify_retrained

        with imports_of("train"):
            from train_benchmark.collecting.retrain import trainer_of
        train = trainer_of(planned, corpus_roots(corpus), loaded.metadata.corpus_fingerprint)
        checks += verify_retrained(loaded, train, retrain, np.random.default_rng(seed))
    _end_checks(checks, table, output)


def _end_checks(checks: "Sequence[Check]", table: str, output: Format) -> None:
    """Write the result of each check.

    Raises:
        Exit: if one failed.
    """
    from dataclasses import asdict

    rows = [asdict(check) for check in checks]
    if output is Format.TABLE:
        rows = [{**row, "ok": "yes" if row["ok"] else "NO"} for row in rows]
    write_rows(rows, output)
    wrong = [check.name for check in checks if not check.ok]
    if wrong:
        rules = "a rule" if len(wrong) == 1 else f"{len(wrong)} rules"
        typer.echo(f"table {table} breaks {rules}: {', '.join(wrong)}", err=True)
        raise typer.Exit(CHECK_FAILED)


def export(
    table: Table,
    out: Annotated[Path, typer.Option(metavar="PATH", help="New file; for nb-asr, a new folder.")],
    to: Annotated[ExportFormat, typer.Option(help="Format of the copy.")] = ExportFormat.CSV,
    artifact: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR",
            help="Artifact that estimates the functions' true means, for csv and parquet; "
            "by default the shipped one of the table's name.",
        ),
    ] = None,
) -> None:
    """Export a table for other programs."""
    from train_benchmark.nb_asr.convert import export_released, exported_functions
    from train_benchmark.table.benchmark_table import BenchmarkTable
    from train_benchmark.table.export import check_new, export_csv, export_parquet

    loaded = BenchmarkTable.load(table)
    if to is not ExportFormat.NB_ASR:
        write = export_csv if to is ExportFormat.CSV else export_parquet
        check_new(out)  # Before the estimates, which take seconds.
        write(loaded, out, _estimates(loaded, table, artifact))
        typer.echo(f"wrote {out}", err=True)
        several = [s for s in loaded.latency.settings if len(loaded.latency.devices(s)) > 1]
        if several:
            typer.echo(
                f"without latencies that several devices have: those of {', '.join(several)}",
                err=True,
            )
        return
    if artifact is not None:
        raise UserError("--artifact is for csv and parquet; the original's files have no estimates")
    export_released(loaded, out)
    typer.echo(f"wrote {out}", err=True)
    counts = exported_functions(loaded)
    if counts.not_representative or counts.extended:
        typer.echo(
            f"{counts.written} of {sum(counts)} functions are in it; left out: "
            f"{counts.not_representative} whose hash of the original another function has, and "
            f"{counts.extended} outside its space",
            err=True,
        )


def _estimates(
    table: "BenchmarkTable", name: str, artifact: str | None
) -> dict[str, dict[str, float]]:
    """Columns of the estimates of true means: name -> functional key -> fraction.

    Raises:
        UserError: if the chosen artifact has none, or is of another recipe.
    """
    from surrogate.fitting.artifact import load_artifact, shipped_artifacts
    from surrogate.forecasting.benchmark_query import Benchmark
    from surrogate.forecasting.forecast import Forecaster

    if artifact is None and name not in shipped_artifacts():
        return {}
    fitted = load_artifact(artifact or name)
    if any(model.true_means is None for model in fitted.models):
        lack = (
            f"the artifact {artifact or name} has no estimates of true means: an earlier version "
            "fitted it, or too few functions have two seeds"
        )
        if artifact is not None:
            raise UserError(f"{lack}; fit it again with `nasasr fit`, or omit --artifact")
        typer.echo(f"without columns of estimates: {lack}", err=True)
        return {}
    benchmark = Benchmark(table, Forecaster(fitted))
    cells = [table.cell_of(key) for key in table.keys]
    columns: dict[str, dict[str, float]] = {}
    for target in benchmark.forecaster.targets:
        found = benchmark.query_many(cells, target, seed="posterior")
        for column, numbers in (("estimate", found.value), ("estimate_std", found.std)):
            columns[f"{column}_{target}"] = dict(zip(table.keys, numbers.tolist(), strict=True))
    return columns
