"""`nasasr search`: one search on a table, on forecasts or by trainings; it can be resumed."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from graph_encoding.common.atomic_files import atomic_file
from graph_encoding.common.errors import UserError
from graph_encoding.common.hashing import content_hash
from graph_encoding.macro import Macro
from surrogate.cli.commands.search.limits import Bounds, of_network, problem_of
from surrogate.cli.commands.search.recommended import counts, described, write_described
from surrogate.cli.commands.search.trained import trained
from surrogate.cli.config_argument import ConfigKind, config_option
from surrogate.cli.engine_options import (
    AddressOption,
    EngineName,
    EngineOption,
    WorkersOption,
    chosen_engine,
)
from surrogate.cli.options import CORPUS_HELP
from surrogate.cli.output import ReportFormat, write_json
from surrogate.cli.progress import ProgressDisplay, told_when_stopped

if TYPE_CHECKING:
    from surrogate.fitting.artifact import ArtifactMetadata
    from surrogate.forecasting.forecast import Forecaster
    from surrogate.search import (
        Evaluation,
        ForecastEvaluator,
        SearcherChoice,
        SearchProblem,
        Step,
        TableEvaluator,
        TrainingEvaluator,
        WarmStart,
    )
    from surrogate.search.searcher import Searcher

    _Source = TableEvaluator | ForecastEvaluator | TrainingEvaluator

_RESULT, _HISTORY = "result.json", "history.jsonl"
_RECOMMENDED = 5
"""Cells that are recommended of one objective; of several, the whole front is."""


class EvaluatorName(StrEnum):
    """Where values come from."""

    TABLE = "table"
    FORECAST = "forecast"
    TRAIN = "train"


_USED_BY = {
    "table": (EvaluatorName.TABLE,),
    "training_seeds": (EvaluatorName.TABLE, EvaluatorName.TRAIN),
    "stop_early": (EvaluatorName.TABLE,),
    **dict.fromkeys(("corpus", "campaign", "engine", "workers", "address"), (EvaluatorName.TRAIN,)),
}
"""Option -> evaluators that use it."""


_Objectives = Annotated[
    list[str] | None,
    typer.Option(
        "--objective",
        metavar="NAME",
        help="What is optimised: val_per (the default), another target, a latency setting, params "
        "or macs. Repeatable, with a searcher of several objectives.",
    ),
]
_MaxLatency = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SETTING=TIME",
        help="Limit, such as timit-micro/cpu-onnx-fp32-t1-b1-1s=0.23ms; repeatable.",
    ),
]
_MaxParams = Annotated[int | None, typer.Option(min=1, help="Limit on parameters.")]
_MaxMacs = Annotated[int | None, typer.Option(min=1, help="Limit on MACs of one second of speech.")]
_Level = Annotated[float, typer.Option(help="Probability with which a latency limit must hold.")]
_Budget = Annotated[int, typer.Option(min=1, help="Trainings in all.")]
_Batch = Annotated[int, typer.Option(min=1, help="Trainings asked for at a time.")]
_Searcher = Annotated[str, typer.Option(metavar="NAME", help="Registered name, or module:Class.")]
_Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Setting of the searcher, as JSON; repeatable."
    ),
]
_Evaluator = Annotated[EvaluatorName, typer.Option(help="Where values come from.")]
_Table = Annotated[
    str, typer.Option(metavar="NAME|DIR", help="Shipped table, or the folder of one (./NAME).")
]
_TrainingSeeds = Annotated[
    str,
    typer.Option(help="Seeds of trainings, joined by commas; repeats take the next."),
]
_Artifact = Annotated[
    str,
    typer.Option(
        metavar="NAME|DIR", help="Artifact of the latency limits and of the final forecasts."
    ),
]
_Nodes = Annotated[int, typer.Option(min=1, help="Operations of a cell.")]
_Ops = Annotated[
    str | None, typer.Option(metavar="OP,...", help="Operations; by default NAS-Bench-ASR's.")
]
_Corpus = Annotated[list[str] | None, typer.Option(metavar="PATH", help=f"To train: {CORPUS_HELP}")]
_Campaign = Annotated[
    Path | None,
    config_option(
        ConfigKind.CAMPAIGN,
        "To train: campaign whose recipe is used (by default timit-micro), without its cells.",
    ),
]
_WarmStart = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|DIR", help="Table of another recipe whose labels the search starts from."
    ),
]
_WarmFunctions = Annotated[int, typer.Option(min=2, help="Functions of --warm-start to take.")]
_StopEarly = Annotated[
    bool,
    typer.Option(
        "--stop-early",
        help="Stop trainings by their learning curves; the budget is that of whole trainings.",
    ),
]
_Seed = Annotated[int, typer.Option(min=0, help="Start of the search's randomness.")]
_Out = Annotated[Path, typer.Option(metavar="DIR", help="Folder of the search: new, or to resume.")]
_Format = Annotated[ReportFormat, typer.Option("--format", help="Form of the output.")]


def run(
    context: typer.Context,
    objectives: _Objectives = None,
    max_latency: _MaxLatency = None,
    max_params: _MaxParams = None,
    max_macs: _MaxMacs = None,
    level: _Level = 0.9,
    budget: _Budget = 100,
    batch: _Batch = 10,
    searcher: _Searcher = "guided",
    settings: _Settings = None,
    evaluator: _Evaluator = EvaluatorName.TABLE,
    table: _Table = "timit-micro",
    training_seeds: _TrainingSeeds = "1234",
    artifact: _Artifact = "timit-micro",
    nodes: _Nodes = 3,
    ops: _Ops = None,
    corpus: _Corpus = None,
    campaign: _Campaign = None,
    engine: EngineOption = EngineName.LOCAL,
    workers: WorkersOption = None,
    address: AddressOption = None,
    warm_start: _WarmStart = None,
    warm_functions: _WarmFunctions = 100,
    stop_early: _StopEarly = False,
    seed: _Seed = 0,
    out: _Out = Path("runs/search"),
    output: _Format = ReportFormat.TABLE,
) -> None:
    """Search for the best cell; run again with the same options to resume.

    Every training is appended to DIR/history.jsonl as soon as it is there.
    """
    from surrogate.data.prediction import check_level
    from surrogate.fitting.artifact import load_artifact
    from surrogate.forecasting.forecast import Forecaster

    # All that can be wrong is checked before anything is loaded.
    check_level(level)
    _check_options(context, evaluator)
    bounds = Bounds(max_latency or [], max_params, max_macs, level)
    problem = problem_of(objectives or ["val_per"], bounds, nodes, ops)
    choice = _choice(searcher, settings or [])
    seeds = _numbers(training_seeds)
    fitted = load_artifact(artifact)
    forecaster = Forecaster(fitted)
    models = bounds.models(problem, fitted)
    if evaluator is not EvaluatorName.TRAIN:
        problem, values = _evaluator(evaluator, table, seeds, problem, forecaster)
    else:
        where = chosen_engine(engine, workers, address)
        problem, values = trained(campaign, corpus or [], out, problem, seeds, where)
    warm = _warm(warm_start, problem, warm_functions, seed, values)
    chosen = choice.make(
        problem, seed=seed, trainings_each=len(values.seeds), limits=models, warm_start=warm
    )
    about = _about(chosen, values, batch, fitted.metadata, stop_early=stop_early)
    found = counts(_search(chosen, values, budget, batch, out, about))
    recommended = described(chosen, forecaster, level, _RECOMMENDED)
    _write({**about, **found, "recommended": recommended}, problem, out, output)


def _write(
    result: dict[str, Any], problem: "SearchProblem", out: Path, output: ReportFormat
) -> None:
    with atomic_file(out / _RESULT) as scratch:
        scratch.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if output is ReportFormat.JSON:
        write_json(result)
    else:
        write_described(result, problem)
    typer.echo(f"wrote {out}: {_HISTORY}, {_RESULT}", err=True)


def _about(
    searcher: "Searcher",
    evaluator: "_Source",
    batch: int,
    artifact: "ArtifactMetadata",
    *,
    stop_early: bool,
) -> dict[str, Any]:
    """What the search is; checks that it can start.

    Raises:
        UserError: if the table lacks most functions of the space, or trainings cannot be stopped.
    """
    from surrogate.search import TableEvaluator
    from surrogate.search.run import table_with_curves

    if isinstance(evaluator, TableEvaluator):
        evaluator.check_space(searcher.is_allowed)
    if stop_early:
        table_with_curves(evaluator, searcher.problem)
    about = {
        **searcher.about(),
        "problem": searcher.problem.to_plain(),
        "source": evaluator.source,
        "source_sha256": evaluator.content_sha256,
        "training_seeds": list(evaluator.seeds),
        "batch": batch,
    }
    if stop_early:
        about["stopping"] = "forecast"
    if searcher.warm_start is not None:
        about["warm_start_sha256"] = searcher.warm_start.content_sha256
    if any(limit.quantity.kind == "latency" for limit in searcher.problem.limits):
        about["limits_sha256"] = content_hash(asdict(artifact))
    return about


def _search(
    searcher: "Searcher",
    evaluator: "_Source",
    budget: int,
    batch: int,
    out: Path,
    about: dict[str, Any],
) -> "Sequence[Evaluation]":
    """Search, or resume; all evaluations within the budget."""
    from surrogate.search import History, run_search
    from surrogate.search.stopping import ForecastStopping

    resumes = f"every finished training is kept. Resume with --out {out}"
    with (
        told_when_stopped(resumes),
        ProgressDisplay("trainings") as display,
        History(about, out / _HISTORY) as history,
    ):
        display.show(min(len(history), budget), budget)
        steps = run_search(
            searcher,
            evaluator,
            budget=budget,
            batch=batch,
            history=history,
            on_step=lambda step: display.show(
                min(step.trainings, budget), budget, _incumbent(searcher, step)
            ),
            stopping=ForecastStopping() if "stopping" in about else None,
        )
    return history.evaluations[: steps[-1].trainings if steps else 0]


def _incumbent(searcher: "Searcher", step: "Step") -> str | None:
    """What the progress display shows; None before the first success."""
    best = step.recommended
    if best is None:
        return None
    quantity = searcher.problem.objectives[0]
    return f"best {best.cell.text} {quantity.name} {quantity.to_cost(best.costs[0]):.4g}, trainings"


def _evaluator(
    name: EvaluatorName,
    table: str,
    seeds: list[int],
    problem: "SearchProblem",
    forecaster: "Forecaster",
) -> "tuple[SearchProblem, _Source]":
    """The problem, with the macro network that values are of, and where they come from."""
    from surrogate.search import ForecastEvaluator, TableEvaluator
    from train_benchmark.table.benchmark_table import BenchmarkTable

    if name is EvaluatorName.FORECAST:
        problem = of_network(problem, forecaster.metadata.macro)
        return problem, ForecastEvaluator(forecaster, problem)
    loaded = BenchmarkTable.load(table)
    problem = of_network(problem, Macro.from_plain(loaded.metadata.recipe["macro"]))
    # Where repeats may ask for further seeds, a function without one is a failed repeat.
    missing: Literal["error", "failed"] = "error" if len(seeds) == 1 else "failed"
    return problem, TableEvaluator(loaded, problem, seeds=seeds, missing=missing)


def _warm(
    name: str | None, problem: "SearchProblem", functions: int, seed: int, values: "_Source"
) -> "WarmStart | None":
    """The labels that a search starts from; None if no table is named."""
    if name is None:
        return None
    from surrogate.search import ForecastEvaluator, WarmStart
    from train_benchmark.table.benchmark_table import BenchmarkTable

    searched = None if isinstance(values, ForecastEvaluator) else values.recipe_hash
    loaded = BenchmarkTable.load(name)
    return WarmStart.of_table(
        loaded, problem, functions=functions, seed=seed, searched_recipe=searched
    )


def _check_options(context: typer.Context, evaluator: EvaluatorName) -> None:
    """Refuse options that would change nothing."""

    def is_given(name: str) -> bool:
        source = context.get_parameter_source(name)
        return source is not None and source.name == "COMMANDLINE"

    for name, users in _USED_BY.items():
        if evaluator not in users and is_given(name):
            raise UserError(
                f"--{name.replace('_', '-')} is of --evaluator {' or '.join(users)}, but the "
                f"evaluator is {evaluator.value}; leave the option out, or choose that evaluator"
            )
    if is_given("warm_functions") and context.params["warm_start"] is None:
        raise UserError(
            "--warm-functions must come with --warm-start, but is given alone; name a table of "
            "another recipe, or leave the option out"
        )


def _numbers(text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError as e:
        raise UserError(
            f"--training-seeds must be integers joined by commas, but got {text!r}"
        ) from e


def _choice(name: str, settings: list[str]) -> "SearcherChoice":
    """The searcher of a name, which may be one of the working directory."""
    from surrogate.comparison.plugin import find_plugins
    from surrogate.search import searcher_of

    find_plugins([name])
    return searcher_of(name, _settings(settings))


def _settings(words: list[str]) -> dict[str, Any]:
    """Settings out of NAME=VALUE; a value that is no JSON is a text."""
    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise UserError(f"--set must be NAME=VALUE, such as explore=30, but got {word!r}")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
