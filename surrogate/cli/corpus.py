"""`nasasr corpus`: make a synthetic corpus, or check any corpus in TIMIT's layout."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from graph_encoding.toml_config import load_config
from surrogate.cli.extras import imports_of
from surrogate.cli.output import CHECK_FAILED, ReportFormat, write_json


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = typer.Typer(help="Make or check a corpus.", no_args_is_help=True)
    group.command()(make)
    group.command()(check)
    app.add_typer(group, name="corpus")


def make(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="Such as configs/corpus/synth-micro.toml")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="New folder of the corpus.")],
) -> None:
    """Synthesise a corpus with espeak-ng in TIMIT's layout, phones time-aligned."""
    with imports_of("train"):
        from train_benchmark.corpora.config import CorpusConfig
        from train_benchmark.corpora.synthetic import make_corpus, spec_of

    spec = spec_of(load_config(config, CorpusConfig))
    make_corpus(spec, out)
    utterances = spec.speakers * spec.sentences_per_speaker
    typer.echo(f"wrote {out}: {utterances} utterances of {spec.speakers} speakers", err=True)


def check(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Folder of the corpus.")],
    output: Annotated[
        ReportFormat, typer.Option("--format", help="Form of the report.")
    ] = ReportFormat.TABLE,
) -> None:
    """Read every file of a corpus; exit code 1 if any is wrong."""
    with imports_of("train"):
        from train_benchmark.corpora.check import check_corpus

    report = check_corpus(path)
    if output is ReportFormat.JSON:
        write_json(asdict(report))
    else:
        typer.echo(
            f"{path}: {report.utterances} utterances, {report.speakers} speakers, "
            f"{report.phones} phones, {report.seconds:.0f} s, fingerprint {report.fingerprint}"
        )
        for problem in report.problems:
            typer.echo(f"problem: {problem}")
        for note in report.notes:
            typer.echo(f"note: {note}")
    if report.problems:
        raise typer.Exit(CHECK_FAILED)
