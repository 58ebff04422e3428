"""`nasasr table`: build a benchmark table out of a campaign, or look at one."""

from pathlib import Path
from typing import Annotated, Any

import typer

from graph_encoding.errors import UserError
from surrogate.cli.output import ReportFormat, write_json, write_table


def register(app: typer.Typer) -> None:
    """Add the group of commands to the program."""
    group = typer.Typer(no_args_is_help=True, help="Build a benchmark table, or look at one.")
    group.command("build")(build)
    group.command("info")(info)
    group.command("noise")(noise)
    app.add_typer(group, name="table")


def build(
    campaign: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a campaign.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="New folder for the table.")],
) -> None:
    """Gather the records of a campaign into a table."""
    from train_benchmark.campaign import build_table

    table = build_table(campaign, out)
    typer.echo(f"wrote {out}: {len(table)} rows, {len(table.keys)} functions", err=True)


def info(
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="Shipped table, or the folder of one.")
    ] = "timit-micro",
    output: Annotated[
        ReportFormat, typer.Option("--format", help="Form of the output.")
    ] = ReportFormat.TABLE,
) -> None:
    """Say what a table holds: size, seeds, source and the range of its labels."""
    from train_benchmark.table import BenchmarkTable

    facts = _facts(BenchmarkTable.load(table))
    if output is ReportFormat.JSON:
        write_json(facts)
        return
    labels = facts.pop("labels")
    write_table([{"property": name, "value": str(value)} for name, value in facts.items()])
    if labels:
        typer.echo("")
        write_table([{"label": label, **values} for label, values in labels.items()])


def noise(
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="Shipped table, or the folder of one.")
    ] = "timit-micro",
    seeds: Annotated[str, typer.Option(help="Seeds to compare, joined by commas.")] = "1234,1235",
    output: Annotated[
        ReportFormat, typer.Option("--format", help="Form of the output.")
    ] = ReportFormat.TABLE,
) -> None:
    """Say how far seeds agree: what no predictor of a single training can beat."""
    from dataclasses import asdict

    from surrogate.metrics import seed_agreement
    from train_benchmark.table import LABELS, BenchmarkTable

    try:
        wanted = [int(seed) for seed in seeds.split(",")]
    except ValueError as e:
        raise UserError(f"--seeds must be integers joined by commas, but got {seeds!r}") from e
    data = BenchmarkTable.load(table)
    rows = [
        {"label": label, **asdict(seed_agreement(data.label_matrix(label, wanted)[1]))}
        for label in LABELS
    ]
    if output is ReportFormat.JSON:
        write_json(rows)
    else:
        write_table(rows)


def _facts(table: Any) -> dict[str, Any]:
    import numpy as np

    from train_benchmark.table import LABELS, label_of

    labels = {}
    for label in LABELS if table.measured else ():
        values = np.array([label_of(record, label) for record in table.measured])
        low, median, high = np.quantile(values, [0.0, 0.5, 1.0]).tolist()
        labels[label] = {"min": low, "median": median, "max": high}
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
        "labels": labels,
    }
