"""A campaign: many trainings of one recipe on one corpus, collected into one folder."""

import json
import math
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from graph_encoding.common.atomic_files import whole_file
from graph_encoding.common.errors import UserError
from graph_encoding.common.toml_config import load_config
from graph_encoding.functional import functional_key
from train_benchmark.collecting.cell_choice import CellsConfig, choose_cells
from train_benchmark.collecting.engines.base import Engine, Job
from train_benchmark.collecting.engines.local import LocalEngine
from train_benchmark.collecting.ledger import CampaignStatus, Ledger, read_status
from train_benchmark.collecting.store import RecordStore
from train_benchmark.features.prepare import (
    CorpusRoots,
    RecipeSpeech,
    cache_path,
    load_prepared,
    prepare,
    read_speech,
    save_prepared,
)
from train_benchmark.features.prepared import PreparedCorpus
from train_benchmark.recipe import Recipe
from train_benchmark.record import SCHEMA_VERSION
from train_benchmark.record_files.run_folder import CAMPAIGN_DESCRIPTION, read_campaign_description
from train_benchmark.record_files.stores import read_store
from train_benchmark.strict_config import StrictConfig


class CampaignConfig(StrictConfig):
    """A `configs/campaign/*.toml` file; paths are relative to it."""

    train: Path
    corpus: Path
    # Tables and ledgers keep 64 bits with a sign.
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**63)], ...] = Field(min_length=1)
    cells: CellsConfig

    @field_validator("seeds")
    @classmethod
    def _each_seed_once(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        twice = sorted(seed for seed, count in Counter(seeds).items() if count > 1)
        if twice:
            raise ValueError(
                f"each seed must stand once, because a cell is trained once with it, but {twice} "
                "stand more often; remove the repeats"
            )
        return seeds


@dataclass(frozen=True)
class Campaign:
    """What to train: a recipe, and jobs in the order they are run.

    Attributes:
        recipe: how every cell is trained.
        jobs: one for each (functional key, seed); all seeds of a cell stand together.
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
        return tuple(_identity(job, self.recipe) for job in self.jobs)


@dataclass(frozen=True)
class Progress:
    """Where a running campaign stands.

    Attributes:
        done: jobs with a record, those of earlier runs included; without those to be tried again.
        total: jobs of the campaign (or of the limit).
        failed: records of this campaign whose status is not "ok".
        new: records that this run added.
    """

    done: int
    total: int
    failed: int
    new: int


def collect(
    campaign: Campaign,
    corpus_root: CorpusRoots,
    out: Path,
    *,
    engine: Engine | None = None,
    limit: int | None = None,
    max_seconds: float | None = None,
    retry_failed: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> Progress:
    """Train what has no record yet and keep each record the moment it is there.

    Interrupting or killing it loses only trainings in flight; calling it again does the rest.

    Args:
        campaign: what to train.
        corpus_root: folder of the corpus, or of each member of a mix by its name.
        out: campaign folder; made, or gone on with.
        engine: what runs the trainings; by default one process of this machine.
        limit: stop at so many of the campaign's jobs; all if None.
        max_seconds: begin no training after so many seconds; those begun are finished.
        retry_failed: train what failed again; a record that has not failed takes its place.
        on_progress: called at the start and after each record.

    Raises:
        UserError: if the folder holds another recipe or corpus, cannot be written or has
            another writer, or the corpus breaks a rule.
    """
    jobs = campaign.first(limit)
    deadline = math.inf if max_seconds is None else time.monotonic() + max_seconds
    speech = read_speech(corpus_root, campaign.recipe)
    with RecordStore(out, retry_failed=retry_failed) as store, Ledger(out) as ledger:
        prepared = _claimed(out, speech, campaign.recipe)
        wanted = {job: _identity(job, campaign.recipe) for job in jobs}
        missing = [job for job in jobs if wanted[job] not in store.records]
        ledger.plan(wanted.values(), store.records)
        there = [store.records[i] for i in wanted.values() if i in store.records]
        done, failed, new = len(there), sum(r.status != "ok" for r in there), 0

        def report() -> None:
            if on_progress:
                on_progress(Progress(done, len(jobs), failed, new))

        report()
        running = (engine or LocalEngine(1)).run(
            missing,
            campaign.recipe,
            prepared,
            on_start=lambda job: ledger.start(wanted[job]),
            may_start=lambda: time.monotonic() < deadline,
        )
        with closing(running):
            for record in running:
                new += store.append(record)
                ledger.finish(record)
                done, failed = done + 1, failed + (record.status != "ok")
                report()
        return Progress(done, len(jobs), failed, new)


def campaign_status(folder: Path) -> CampaignStatus:
    """Where a campaign stands; it may be running at this moment.

    Raises:
        UserError: if the folder is no campaign.
    """
    read_campaign_description(folder)
    return read_status(folder, read_store(folder))


def _claimed(out: Path, speech: RecipeSpeech, recipe: Recipe) -> PreparedCorpus:
    """The features of a corpus, once a campaign folder is bound to it and to a recipe."""
    description = {
        "schema_version": SCHEMA_VERSION,
        "recipe": recipe.describe(),
        "recipe_hash": recipe.hash,
        "corpus_fingerprint": speech.fingerprint,
    }
    path = out / CAMPAIGN_DESCRIPTION
    there = read_campaign_description(out) if path.exists() else description
    for field in ("recipe_hash", "corpus_fingerprint"):
        if there[field] != description[field]:
            raise UserError(
                f"campaign folder {out} must hold one recipe and corpus, but its {field} is "
                f"{there[field]} and this run's is {description[field]}; choose another --out"
            )
    prepared = _prepare_once(out, speech, recipe)
    # Only now: a corpus that turned out to be wrong must not bind the folder to it.
    if not path.exists():
        with whole_file(path) as scratch:
            scratch.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    return prepared


def _prepare_once(out: Path, speech: RecipeSpeech, recipe: Recipe) -> PreparedCorpus:
    features = cache_path(out, recipe, speech.fingerprint)
    if not features.exists():
        save_prepared(prepare(speech, recipe), features)
    return load_prepared(features)


def _identity(job: Job, recipe: Recipe) -> tuple[str, int]:
    return functional_key(job.cell, recipe.semantics), job.seed
