"""Single trainings by the recipe of a campaign, as checks of a table repeat them."""

from collections.abc import Callable, Mapping
from pathlib import Path

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.engines.local import LocalEngine
from train_benchmark.collecting.plan import Campaign, Job
from train_benchmark.collecting.trainings import train_all
from train_benchmark.features.prepare import prepare, read_speech
from train_benchmark.record import TrainingRecord


def trainer_of(
    campaign: Campaign, corpus: Path | Mapping[str, Path], fingerprint: str
) -> Callable[[Cell, int], TrainingRecord]:
    """A function that trains a cell with a seed, by the recipe of a campaign.

    Args:
        campaign: whose recipe.
        corpus: folder of the corpus, or one per member of a mix.
        fingerprint: fingerprint that the corpus must have.

    Raises:
        UserError: if the corpus cannot be read or has another fingerprint.
    """
    speech = read_speech(corpus, campaign.recipe)
    if speech.fingerprint != fingerprint:
        where = corpus if isinstance(corpus, Path) else " ".join(map(str, corpus.values()))
        raise UserError(
            f"corpus {where} has the fingerprint {speech.fingerprint[:12]}, but the "
            f"table was measured on {fingerprint[:12]}; give the same corpus"
        )
    prepared = prepare(speech, campaign.recipe)

    def train(cell: Cell, seed: int) -> TrainingRecord:
        # In a process of its own, as in campaigns: portable arithmetic must be set before torch
        # is loaded.
        (record,) = train_all(LocalEngine(1), [Job(cell, seed)], campaign.recipe, prepared)
        return record

    return train
