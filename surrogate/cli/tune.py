"""`nasasr tune`: the settings of a predictor, searched on training keys."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from surrogate.cli.fit import FitProgress
from surrogate.cli.output import ReportFormat, write_json, write_table

if TYPE_CHECKING:
    from surrogate.tuning import TuneSummary

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + the number of SIGINT, as shells have it."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(tune)


def tune(
    context: typer.Context,
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="TOML file, such as configs/tune/xgb.toml.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of the study: new, or to go on.")
    ],
    workers: Annotated[int, typer.Option(min=1, help="Processes on the study; one core each.")] = 1,
    output: Annotated[
        ReportFormat, typer.Option("--format", help="Form of the output.")
    ] = ReportFormat.TABLE,
) -> None:
    """Search settings; run again to go on. Writes summary.json and best.toml into the folder."""
    from surrogate.tuning import load_tune_config
    from surrogate.tuning.study import run_study
    from surrogate.tuning.summary import summarise_study, write_summary

    chosen = load_tune_config(config)
    debug = bool(context.find_root().params.get("debug"))
    with FitProgress("trials") as display:
        try:
            study = run_study(chosen, out, workers=workers, verbose=debug, on_progress=display.show)
        except KeyboardInterrupt:
            typer.echo(f"stopped; trials that ended are kept. Go on with --out {out}", err=True)
            raise typer.Exit(INTERRUPTED) from None
    summary = summarise_study(study, chosen)
    best = write_summary(summary, chosen, out)
    if output is ReportFormat.JSON:
        write_json(asdict(summary))
    else:
        _write_tables(summary)
    typer.echo(f"wrote {best}: for `nasasr fit --config`", err=True)


def _write_tables(summary: "TuneSummary") -> None:
    write_table(
        [
            {
                "setting": name,
                "default": str(summary.default[name]),
                "best": str(value),
                "importance": summary.importances.get(name),
            }
            for name, value in summary.best.items()
        ]
    )
    typer.echo("")
    names = ("keys", "complete", "pruned", "failed", "default_tau", "best_tau")
    confirmed = ("confirmed_default_tau", "confirmed_best_tau", "gain", "gain_error")
    write_table([{name: getattr(summary, name) for name in (*names, *confirmed)}])
