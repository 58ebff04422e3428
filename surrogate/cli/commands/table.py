"""`nasasr table`: build a benchmark table out of a campaign, or look at one."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph_encoding.common.errors import CorruptFileError, UserError
from surrogate.cli.config_argument import ConfigKind, config_option
from surrogate.cli.corpus_option import CORPUS_HELP, corpus_roots
from surrogate.cli.extras import imports_of
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

    from graph_encoding.cell import Cell
    from train_benchmark.collecting.plan import Campaign
    from train_benchmark.record import TrainingRecord
    from train_benchmark.table.benchmark_table import BenchmarkTable
    from train_benchmark.table.verify import Check


class ExportFormat(StrEnum):
    """Forms that a table can be copied into; nb-asr is the original's files."""

    CSV = "csv"
    PARQUET = "parquet"
    NB_ASR = "nb-asr"


def register(app: typer.Typer) -> None:
    """Add the group of commands to the program."""
    group = typer.Typer(no_args_is_help=True, help="Build a benchmark table, or look at one.")
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
        typer.Option(metavar="DIR", help="Folder of `nasasr latency` to go with it; repeatable."),
    ] = None,
) -> None:
    """Gather the records of a campaign into a table."""
    from train_benchmark.table.build import build_table

    table = build_table(campaign, out, latency or ())
    typer.echo(f"wrote {out}: {len(table)} rows, {len(table.keys)} functions", err=True)


def attach_latency(
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="Shipped table, or the folder of one (./NAME).")
    ],
    sweeps: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Folders of `nasasr latency`.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="New folder for the table.")],
) -> None:
    """Copy a table with further latencies beside those that it has."""
    from train_benchmark.table.benchmark_table import BenchmarkTable
    from train_benchmark.table.latencies import gather_latencies

    loaded = BenchmarkTable.load(table)
    known = loaded.latency.records()
    latencies = gather_latencies(sweeps, loaded.metadata.semantics, known)
    loaded.save(out, latencies)
    typer.echo(f"wrote {out}: {len(latencies)} latencies, {len(known)} of them known", err=True)


def info(
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="Shipped table, or the folder of one (./NAME).")
    ] = "timit-micro",
    output: Annotated[
        ReportFormat, typer.Option("--format", help="Form of the output.")
    ] = ReportFormat.TABLE,
) -> None:
    """Say what a table holds: size, seeds, source, and what its labels are and range over."""
    from train_benchmark.table.benchmark_table import BenchmarkTable

    facts = _facts(BenchmarkTable.load(table))
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
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="Shipped table, or the folder of one (./NAME).")
    ] = "timit-micro",
    seeds: Annotated[str, typer.Option(help="Seeds to compare, joined by commas.")] = "1234,1235",
    output: Annotated[Format, typer.Option("--format", help="Form of the output.")] = Format.TABLE,
) -> None:
    """Say how far seeds agree: how well one training of a cell foretells another.

    A predictor may say more, for it learns from many cells: `nasasr benchmark` prints what the
    noise leaves to be had.
    """
    from dataclasses import asdict

    from surrogate.metrics import seed_agreement
    from train_benchmark.table.benchmark_table import LABELS, BenchmarkTable

    wanted = _distinct_seeds(seeds)
    data = BenchmarkTable.load(table)
    if len(wanted) < 2 or len(data.seeds) < 2:
        remedy = "collect more seeds" if len(data.seeds) < 2 else "name two of its seeds or more"
        raise UserError(
            f"--seeds must be at least two, but got {seeds!r}, and table {data.metadata.name!r} "
            f"has {', '.join(map(str, data.seeds)) or 'none'}; {remedy}"
        )
    if missing := [seed for seed in wanted if seed not in data.seeds]:
        raise UserError(
            f"--seeds must be among those of table {data.metadata.name!r}, which are "
            f"{', '.join(map(str, data.seeds))}, but got {', '.join(map(str, missing))}"
        )
    rows = [
        {"label": label, **asdict(seed_agreement(data.label_matrix(label, wanted)[1]))}
        for label in LABELS
    ]
    write_rows(rows, output)


def _distinct_seeds(text: str) -> list[int]:
    try:
        wanted = [int(seed) for seed in text.split(",")]
    except ValueError as e:
        raise UserError(f"--seeds must be integers joined by commas, but got {text!r}") from e
    if len(set(wanted)) < len(wanted):
        raise UserError(
            f"--seeds must be different ones, but got {text!r}: a seed agrees with itself"
        )
    return wanted


def verify(
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="Shipped table, or the folder of one (./NAME).")
    ] = "timit-micro",
    campaign: Annotated[
        Path | None,
        config_option(
            ConfigKind.CAMPAIGN, "Campaign whose recipe must be the table's, its cells complete."
        ),
    ] = None,
    retrain: Annotated[int, typer.Option(min=0, help="Random records to train again.")] = 0,
    corpus: Annotated[list[str] | None, typer.Option(metavar="PATH", help=CORPUS_HELP)] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw of those.")] = 0,
    output: Annotated[Format, typer.Option("--format", help="Form of the output.")] = Format.TABLE,
) -> None:
    """Check that a table is what it says; exit code 1 if it is not."""
    from train_benchmark.table.benchmark_table import BenchmarkTable
    from train_benchmark.table.verify import Check, verify_table

    if retrain and (corpus is None or campaign is None):
        raise UserError("--retrain needs --corpus and --campaign: what to train on, and how")
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
        checks += _retrained(loaded, planned, corpus, retrain, seed)
    _end_checks(checks, table, output)


def _end_checks(checks: "Sequence[Check]", table: str, output: Format) -> None:
    """Write what was checked.

    Raises:
        Exit: if a check failed.
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


def _retrained(
    table: "BenchmarkTable", campaign: "Campaign", corpus: list[str], count: int, seed: int
) -> "list[Check]":
    import numpy as np

    from train_benchmark.table.verify import verify_retrained

    with imports_of("train"):
        from graph_encoding.engines.local import LocalEngine
        from train_benchmark.collecting.plan import Job
        from train_benchmark.collecting.trainings import train_all
        from train_benchmark.features.prepare import prepare, read_speech

    speech = read_speech(corpus_roots(corpus), campaign.recipe)
    if speech.fingerprint != table.metadata.corpus_fingerprint:
        raise UserError(
            f"corpus {' '.join(corpus)} has the fingerprint {speech.fingerprint[:12]}, but the "
            f"table was measured on {table.metadata.corpus_fingerprint[:12]}; give the same corpus"
        )
    prepared = prepare(speech, campaign.recipe)

    def train(cell: "Cell", seed: int) -> "TrainingRecord":
        # In a process of its own, as campaigns train: portable arithmetic has to be set before
        # torch is loaded.
        jobs = [Job(cell, seed)]
        (record,) = train_all(LocalEngine(1), jobs, campaign.recipe, prepared)
        return record

    return list(verify_retrained(table, train, count, np.random.default_rng(seed)))


def export(
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="Shipped table, or the folder of one (./NAME).")
    ],
    out: Annotated[Path, typer.Option(metavar="PATH", help="New file; for nb-asr, a new folder.")],
    to: Annotated[ExportFormat, typer.Option(help="Form of the copy.")] = ExportFormat.CSV,
) -> None:
    """Copy a table into a form for other programs."""
    from train_benchmark.nb_asr.convert import export_released, exported_functions
    from train_benchmark.table.benchmark_table import BenchmarkTable
    from train_benchmark.table.export import export_csv, export_parquet

    writers = {
        ExportFormat.CSV: export_csv,
        ExportFormat.PARQUET: export_parquet,
        ExportFormat.NB_ASR: export_released,
    }
    loaded = BenchmarkTable.load(table)
    writers[to](loaded, out)
    typer.echo(f"wrote {out}", err=True)
    if to is not ExportFormat.NB_ASR:
        return
    counts = exported_functions(loaded)
    if counts.not_representative or counts.extended:
        typer.echo(
            f"of {sum(counts)} functions {counts.written} are in it; not "
            f"{counts.not_representative} that share the original's hash with the one that it "
            f"trains, and not {counts.extended} outside its space",
            err=True,
        )


def _facts(table: Any) -> dict[str, Any]:
    import numpy as np

    from train_benchmark.table.benchmark_table import LABELS, label_of

    labels = {}
    for label in LABELS if table.measured else ():
        values = np.array([label_of(record, label) for record in table.measured])
        low, median, high = np.quantile(values, [0.0, 0.5, 1.0]).tolist()
        what = table.label_definitions[label]
        labels[label] = {"min": low, "median": median, "max": high, "what": what}
    return {
        "name": table.metadata.name,
        "rows": len(table),
        "rows_without_label": len(table) - len(table.measured),
        "functions": len(table.keys),
        "seeds": list(table.seeds),
        "recipe_hash": table.metadata.recipe_hash,
        "corpus_fingerprint": table.metadata.corpus_fingerprint,
        "semantics": table.metadata.semantics,
        "licence": table.metadata.licence,
        "created": table.metadata.created,
        "latency": {s: table.latency.counts(s) for s in table.latency.settings},
        "labels": labels,
    }
