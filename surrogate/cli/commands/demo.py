"""`nasasr demo`: the whole way on synthetic speech, from a corpus to forecasts of unseen cells."""

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from graph_encoding.common.errors import UserError, unreadable
from graph_encoding.common.toml_config import load_config
from surrogate.cli.config_argument import ConfigKind, config_argument, config_path
from surrogate.cli.extras import imports_of
from surrogate.cli.output import ReportFormat, Row, write_json, write_table
from surrogate.cli.progress import ProgressDisplay, told_when_stopped

if TYPE_CHECKING:
    from surrogate.comparison.fit_result import FitResult
    from train_benchmark.table.benchmark_table import BenchmarkTable

_CONFIG = "demo"
_OUT = Path("nasasr-demo")
_FOLDS = 4
_LEVEL = 0.9
_SEED = 0
_SETTINGS: dict[str, Any] = {}


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(demo)


def demo(
    config: Annotated[
        Path | None, config_argument(ConfigKind.CAMPAIGN, _CONFIG, optional=True)
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for all results.")] = _OUT,
    workers: Annotated[int, typer.Option(min=1, help="Parallel processes, one core each.")] = 2,
    output: Annotated[
        ReportFormat, typer.Option("--format", help="Output format.")
    ] = ReportFormat.TABLE,
) -> None:
    """Do all of it once, on synthetic speech.

    Make a corpus, train cells, fit a predictor and compare forecasts with measurements: each cell
    is forecast by a predictor that was fitted without it. It takes some two minutes of two cores;
    run it again to resume.
    """
    chosen = config_path(ConfigKind.CAMPAIGN, _CONFIG) if config is None else config
    typer.echo(f"demo of {chosen} in {out}", err=True)
    with told_when_stopped(f"finished work is stored. Resume with --out {out}"):
        table = _measure(chosen, out, workers)
    fit = _held_out(table)
    rows, summary = _rows(table, fit), _summary(fit)
    if output is ReportFormat.JSON:
        write_json({"cells": rows, "summary": summary})
        return
    write_table(rows)
    typer.echo("")
    write_table([summary])


def _measure(config: Path, out: Path, workers: int) -> "BenchmarkTable":
    with imports_of("train"):
        from graph_encoding.engines.local import LocalEngine
        from train_benchmark.collecting.campaign import collect
        from train_benchmark.collecting.plan import Campaign, CampaignConfig
        from train_benchmark.corpora.config import CorpusConfig, spec_of
        from train_benchmark.corpora.synthesis.synthetic import make_corpus
        from train_benchmark.table.build import build_table

    campaign = Campaign.load(config)
    corpus_path = config.parent / load_config(config, CampaignConfig).corpus
    spec = spec_of(load_config(corpus_path, CorpusConfig))
    corpus = out / "corpus"
    if corpus.exists():
        _require_made_of(corpus, spec.model_dump())
    else:
        typer.echo("1/3 making the corpus", err=True)
        out.mkdir(parents=True, exist_ok=True)
        # First: a corpus is there whole or not at all, and then has its description.
        _spec_file(corpus).write_text(
            json.dumps(spec.model_dump(), indent=2) + "\n", encoding="utf-8"
        )
        make_corpus(spec, corpus)
    typer.echo("2/3 training cells", err=True)
    with ProgressDisplay("training cells") as display:
        collect(
            campaign,
            corpus,
            out / "campaign",
            engine=LocalEngine(workers),
            on_progress=lambda progress: display.show(progress.done, progress.total),
        )
    typer.echo("3/3 fitting predictors", err=True)
    # Beside its place first: what stands there may be of a smaller campaign, or no table of ours.
    with TemporaryDirectory(dir=out, prefix=".table-") as scratch:
        new = Path(scratch) / "table"
        build_table(out / "campaign", new)
        return _put_table(new, out / "table", Path(scratch) / "earlier")


def _spec_file(corpus: Path) -> Path:
    return corpus.with_name(f"{corpus.name}.json")


def _require_made_of(corpus: Path, spec: dict[str, Any]) -> None:
    """Make sure that a corpus of an earlier run is the configuration's.

    Raises:
        UserError: if it is not.
    """
    file = _spec_file(corpus)
    rule = f"{file} must say what the corpus beside it is made of"
    with unreadable(rule, "remove both, or choose another --out"):
        made_of = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
    if made_of != spec:
        raise UserError(
            f"corpus {corpus} must be made of {spec}, but {file.name} beside it says {made_of}; "
            "remove it or choose another --out"
        )


def _put_table(new: Path, place: Path, earlier: Path) -> "BenchmarkTable":
    """Put a table where an earlier one of the same recipe may stand, which is moved away.

    Raises:
        UserError: if something else stands there.
    """
    from train_benchmark.table.benchmark_table import BenchmarkTable

    if place.exists():
        found, wanted = (BenchmarkTable.load(p).metadata.recipe_hash for p in (place, new))
        if found != wanted:
            raise UserError(
                f"{place} must be a table of the recipe {wanted[:12]}, but is of {found[:12]}; "
                "choose another --out"
            )
        os.replace(place, earlier)
    os.replace(new, place)
    return BenchmarkTable.load(place)


def _held_out(table: "BenchmarkTable") -> "FitResult":
    """Validation PER of every measured cell, predicted by a fit without it."""
    from surrogate.comparison.held_out import predict_each_held_out
    from surrogate.comparison.plugin import contender
    from surrogate.data.dataset import SurrogateDataset
    from surrogate.data.targets import VAL_PER

    return predict_each_held_out(
        SurrogateDataset.from_table(table, VAL_PER, "mean"),
        contender("xgb", _SETTINGS),
        parts=_FOLDS,
        level=_LEVEL,
        seed=_SEED,
    )


def _rows(table: "BenchmarkTable", fit: "FitResult") -> list[Row]:
    """One row per cell, best measured first: cell, measured PER, forecast, interval."""
    columns = (fit.measured, fit.predicted, fit.low[0], fit.high[0])
    names = ("measured_val_per", "forecast_val_per", "low", "high")
    rows: list[Row] = [
        {"cell": table.cell_of(key), **dict(zip(names, map(float, numbers), strict=True))}
        for key, *numbers in zip(fit.keys, *columns, strict=True)
    ]
    return [rows[i] for i in np.argsort(fit.measured, kind="stable")]


def _summary(fit: "FitResult") -> Row:
    """Rank agreement and coverage, as `nasasr benchmark` computes them."""
    from surrogate.comparison.scores import metrics_of
    from surrogate.data.targets import VAL_PER

    score = {metric.name: metric.of for metric in metrics_of(VAL_PER, fit.levels)}
    return {
        "cells": len(fit.keys),
        "kendall_tau": score["kendall_tau"](fit),
        "level": _LEVEL,
        "coverage": score["coverage_90"](fit),
    }
