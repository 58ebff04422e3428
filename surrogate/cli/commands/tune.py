"""`nasasr tune`: search the settings of a predictor on training keys."""

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
from surrogate.cli.output import ReportFormat, write_json, write_table
from surrogate.cli.progress import ProgressDisplay, told_when_stopped

if TYPE_CHECKING:
    from surrogate.tuning import TuneSummary


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(tune)


def tune(
    context: typer.Context,
    config: Annotated[Path, config_argument(ConfigKind.TUNE, "xgb")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of the study: new, or one to resume.")
    ],
    engine: EngineOption = EngineName.LOCAL,
    workers: WorkersOption = None,
    address: AddressOption = None,
    output: PlainFormat = ReportFormat.TABLE,
) -> None:
    """Search the settings of a predictor.

    The folder receives summary.json and best.toml. Run it again to resume.
    """
    from surrogate.tuning import load_tune_config
    from surrogate.tuning.study import run_study
    from surrogate.tuning.summary import summarise_study, write_summary

    chosen = load_tune_config(config)
    where = chosen_or_this(engine, workers, address)
    debug = bool(context.find_root().params.get("debug"))
    with told_when_stopped(resumed_by(out)):
        with ProgressDisplay("trials") as display:
            study = run_study(chosen, out, engine=where, verbose=debug, on_progress=display.show)
        with ProgressDisplay("fits of the confirmation") as display:
            summary = summarise_study(study, chosen, display.show, engine=where)
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
    typer.echo(f"\nconfirmation: {summary.confirmation}")
