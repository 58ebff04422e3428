"""The plan of a campaign: which cells are trained, in which order. It is read without torch."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.common.toml_config import load_config
from graph_encoding.functional_identity import functional_key
from train_benchmark.collecting.cell_choice import CellsConfig, choose_cells
from train_benchmark.recipe import Recipe
from train_benchmark.strict_config import StrictConfig


@dataclass(frozen=True)
class Job:
    """One training to run.

    Attributes:
        cell: what to train.
        seed: with which seed.
    """

    cell: Cell
    seed: int

    def identity(self, recipe: Recipe) -> tuple[str, int]:
        """(functional key, seed): what the record of this training is filed under."""
        return functional_key(self.cell, recipe.semantics), self.seed


class CampaignConfig(StrictConfig):
    """A `configs/campaign/*.toml` file; paths are relative to it."""

    train: Path
    corpus: Path
    # Tables and ledgers store signed 64-bit integers.
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**63)], ...] = Field(min_length=1)
    cells: CellsConfig

    @field_validator("seeds")
    @classmethod
    def _each_seed_once(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        twice = sorted(seed for seed, count in Counter(seeds).items() if count > 1)
        if twice:
            raise ValueError(
                f"each seed must be listed once, because a cell is trained once with it, but "
                f"{twice} are listed more often; remove the repeats"
            )
        return seeds


@dataclass(frozen=True)
class Campaign:
    """What to train: a recipe, and jobs in the order they are run.

    Attributes:
        recipe: how every cell is trained.
        jobs: one per (functional key, seed); all seeds of a cell are adjacent.
    """

    recipe: Recipe
    jobs: tuple[Job, ...]

    @classmethod
    def load(cls, path: Path) -> "Campaign":
        """Read a campaign configuration and the two files it names.

        Raises:
            UserError: if a file is missing, a key unknown, a value of the wrong type, or a cell
                does not parse.
        """
        config = load_config(path, CampaignConfig)
        recipe = Recipe.load(path.parent / config.train, path.parent / config.corpus)
        cells = choose_cells(config.cells, recipe.semantics, path.parent)
        return cls(recipe, tuple(Job(cell, seed) for cell in cells for seed in config.seeds))

    def first(self, limit: int | None) -> tuple[Job, ...]:
        """The first so many jobs, or all.

        Raises:
            UserError: if the limit is less than 1.
        """
        if limit is not None and limit < 1:
            raise UserError(f"limit must be >= 1, but got {limit}")
        return self.jobs[:limit]

    def identities(self) -> tuple[tuple[str, int], ...]:
        """(functional key, seed) of each job."""
        return tuple(job.identity(self.recipe) for job in self.jobs)
