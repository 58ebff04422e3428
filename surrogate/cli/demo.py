"""`nasasr demo`: the whole way on synthetic speech, from a corpus to forecasts of unseen cells."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from graph_encoding.errors import MissingExtraError
from graph_encoding.toml_config import load_config
from surrogate.cli.collect import ProgressDisplay
from surrogate.cli.output import ReportFormat, Row, write_json, write_table

if TYPE_CHECKING:
    from train_benchmark.table import BenchmarkTable

_FOLDS = 4
_LEVEL = 0.9
_SEED = 0


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(demo)


def demo(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="Such as configs/campaign/demo.toml")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for all that it makes.")],
    workers: Annotated[int, typer.Option(min=1, help="Processes; one core each.")] = 2,
    output: Annotated[
        ReportFormat, typer.Option("--format", help="Form of the output.")
    ] = ReportFormat.TABLE,
) -> None:
    """Make a corpus, train cells, fit a predictor, compare forecasts with measurements.

    Each cell is forecast by a predictor that was fitted without it.
    """
    table = _measure(config, out, workers)
    rows = forecast_held_out(table)
    summary = summarise(rows)
    if output is ReportFormat.JSON:
        write_json({"cells": rows, "summary": summary})
        return
    write_table(rows)
    typer.echo("")
    write_table([summary])


def _measure(config: Path, out: Path, workers: int) -> "BenchmarkTable":
    try:
        from train_benchmark.campaign import Campaign, CampaignConfig, build_table, collect
        from train_benchmark.corpora.synthetic import make_corpus, spec_of
        from train_benchmark.engines.local import LocalEngine
        from train_benchmark.recipe import CorpusConfig
        from train_benchmark.table import BenchmarkTable
    except ModuleNotFoundError as e:
        raise MissingExtraError(e.name or "torch", "train") from e

    campaign = Campaign.load(config)
    corpus_path = config.parent / load_config(config, CampaignConfig).corpus
    corpus, table = out / "corpus", out / "table"
    if not corpus.exists():
        typer.echo("1/3 making the corpus", err=True)
        make_corpus(spec_of(load_config(corpus_path, CorpusConfig)), corpus)
    typer.echo("2/3 training cells", err=True)
    with ProgressDisplay() as display:
        engine = LocalEngine(workers)
        collect(campaign, corpus, out / "campaign", engine=engine, on_progress=display.show)
    typer.echo("3/3 fitting predictors", err=True)
    return BenchmarkTable.load(table) if table.exists() else build_table(out / "campaign", table)


def forecast_held_out(table: "BenchmarkTable") -> list[dict[str, Any]]:
    """Validation PER of every measured cell, forecast by a predictor fitted without it.

    Returns:
        One row a cell, best measured first: cell, measured PER, forecast, interval.
    """
    from surrogate.calibration import fit_calibrated
    from surrogate.dataset import SurrogateDataset
    from surrogate.predictors import PREDICTORS, XgbPredictor
    from surrogate.splits import k_fold
    from surrogate.targets import VAL_PER

    assert XgbPredictor.name in PREDICTORS
    dataset = SurrogateDataset.from_table(table, VAL_PER, "mean")
    rng = np.random.default_rng(_SEED)
    rows: list[dict[str, Any]] = []
    for rest, held_out in k_fold(dataset, _FOLDS, rng):
        predictor = XgbPredictor()
        calibrator = fit_calibrated(predictor, rest, _FOLDS, rng)
        prediction = predictor.predict(held_out.graphs)
        interval = calibrator.interval(prediction, _LEVEL)
        to_raw = VAL_PER.transform.to_raw
        columns = (
            held_out.values,
            to_raw(prediction.mean),
            to_raw(interval.low),
            to_raw(interval.high),
        )
        for key, *numbers in zip(held_out.keys, *columns, strict=True):
            measured, forecast, low, high = (float(number) for number in numbers)
            rows.append(
                {
                    "cell": table.rows_of(key)[0].cell,
                    "measured_val_per": measured,
                    "forecast_val_per": forecast,
                    "low": low,
                    "high": high,
                }
            )
    return sorted(rows, key=lambda row: float(row["measured_val_per"]))


def summarise(rows: list[dict[str, Any]]) -> Row:
    """Rank agreement and coverage of held-out forecasts."""
    from surrogate.metrics import kendall_tau

    def column(name: str) -> "np.ndarray[Any, np.dtype[np.float64]]":
        return np.array([row[name] for row in rows])

    measured = column("measured_val_per")
    inside = (column("low") <= measured) & (measured <= column("high"))
    summary: Mapping[str, Any] = {
        "cells": len(rows),
        "kendall_tau": kendall_tau(column("forecast_val_per"), measured),
        "level": _LEVEL,
        "coverage": float(inside.mean()),
    }
    return summary
