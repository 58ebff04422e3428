"""`nasasr corpus`: make a synthetic corpus, or check any corpus."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph_encoding.common.toml_config import load_config
from surrogate.cli.config_argument import ConfigKind, config_argument, config_option
from surrogate.cli.extras import imports_of
from surrogate.cli.output import CHECK_FAILED, ReportFormat, write_json
from surrogate.cli.progress import ProgressDisplay, told_when_stopped

if TYPE_CHECKING:
    from train_benchmark.corpora.check import CorpusReport


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = typer.Typer(help="Make or check a corpus.", no_args_is_help=True)
    group.command()(make)
    group.command()(check)
    app.add_typer(group, name="corpus")


def make(
    config: Annotated[Path, config_argument(ConfigKind.CORPUS, "synth-micro")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="New folder of the corpus.")],
) -> None:
    """Synthesise a corpus with espeak-ng.

    It has TIMIT's layout and time-aligned phones.
    """
    with imports_of("train"):
        from train_benchmark.corpora.config import CorpusConfig, spec_of
        from train_benchmark.corpora.synthesis.synthetic import make_corpus

    spec = spec_of(load_config(config, CorpusConfig))
    with (
        told_when_stopped(f"{out} was not written"),
        ProgressDisplay("making utterances") as display,
    ):
        make_corpus(spec, out, display.show)
    utterances = spec.speakers * spec.sentences_per_speaker
    typer.echo(f"wrote {out}: {utterances} utterances of {spec.speakers} speakers", err=True)


def check(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="Folder of the corpus, or a manifest.")
    ],
    config: Annotated[
        Path | None,
        config_option(ConfigKind.CORPUS, "Layout, labels and split; by default TIMIT's."),
    ] = None,
    output: Annotated[
        ReportFormat, typer.Option("--format", help="Output format.")
    ] = ReportFormat.TABLE,
) -> None:
    """Check every file of a corpus.

    All problems are listed; the exit code is 1 if there are any.
    """
    with imports_of("train"):
        from train_benchmark.corpora.check import check_corpus
        from train_benchmark.corpora.config import CorpusConfig
        from train_benchmark.corpora.layouts.read_corpus import TIMIT_SOURCE

    source = load_config(config, CorpusConfig) if config else TIMIT_SOURCE
    report = check_corpus(path, source)
    if output is ReportFormat.JSON:
        write_json(asdict(report))
    else:
        _write_report(path, report)
    if report.problems:
        raise typer.Exit(CHECK_FAILED)


def _write_report(path: Path, report: "CorpusReport") -> None:
    typer.echo(
        f"{path}: {report.utterances} utterances, {report.speakers} speakers, "
        f"{report.phones} symbols, {report.seconds:.0f} s, fingerprint {report.fingerprint}"
    )
    if report.parts:
        sizes = ", ".join(f"{name} {size}" for name, size in report.parts.items())
        typer.echo(f"utterances per part: {sizes}")
    for problem in report.problems:
        typer.echo(f"problem: {problem}")
    for note in report.notes:
        typer.echo(f"note: {note}")
    if report.label_set is None and not report.problems:
        # Strings and arrays of JSON are valid TOML.
        symbols = json.dumps(list(report.phone_counts), ensure_ascii=False)
        typer.echo(f'declare the symbols:\n[labels]\nname = "CHOOSE-ONE"\nclasses = {symbols}')
