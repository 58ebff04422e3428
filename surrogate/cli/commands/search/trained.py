"""The evaluator of `nasasr search --evaluator train`: a campaign that grows with each batch."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from graph_encoding.common.errors import UserError
from surrogate.cli.commands.search.limits import of_network
from surrogate.cli.config_argument import ConfigKind, config_path
from surrogate.cli.extras import imports_of
from surrogate.cli.options import corpus_roots

if TYPE_CHECKING:
    from graph_encoding.engines.engine import Engine
    from surrogate.search import Request, SearchProblem, TrainingEvaluator
    from train_benchmark.record import TrainingRecord

CAMPAIGN_FOLDER = "campaign"
"""Folder of the records inside that of a search; `nasasr collect` knows its format."""


def trained(
    campaign: Path | None,
    corpus: Sequence[str],
    out: Path,
    problem: "SearchProblem",
    seeds: Sequence[int],
    engine: "Engine",
) -> "tuple[SearchProblem, TrainingEvaluator]":
    """The problem, with the recipe's macro network, and the evaluator of a search by trainings.

    Args:
        campaign: configuration that names the recipe, by default timit-micro's; its cells and
            seeds are not used.
        corpus: values of `--corpus`.
        out: folder of the search.
        problem: what is wanted.
        seeds: seeds of the trainings.
        engine: where trainings run.

    Raises:
        MissingExtraError: if torch is not installed.
        UserError: if no corpus is given, or a configuration or the problem does not fit.
    """
    if not corpus:
        raise UserError("--evaluator train needs the corpus to train on: give --corpus PATH")
    roots = corpus_roots(corpus)
    with imports_of("train"):
        from train_benchmark.collecting.campaign import collect
        from train_benchmark.collecting.plan import Campaign, Job
    from surrogate.search import TrainedBy, TrainingEvaluator

    recipe = Campaign.load(campaign or config_path(ConfigKind.CAMPAIGN, "timit-micro")).recipe
    problem = of_network(problem, recipe.macro)
    folder = out / CAMPAIGN_FOLDER

    def train(requests: "Sequence[Request]", on_record: "Callable[[TrainingRecord], None]") -> None:
        jobs = tuple(Job(request.cell, request.seed) for request in requests)
        collect(Campaign(recipe, jobs), roots, folder, engine=engine, on_record=on_record)

    by = TrainedBy(recipe.hash, recipe.semantics, recipe.macro)
    return problem, TrainingEvaluator(train, problem, seeds=seeds, recipe=by)
