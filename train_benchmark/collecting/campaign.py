"""A campaign: many trainings of one recipe on one corpus, collected into one folder."""

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graph_encoding.common.atomic_files import atomic_file
from graph_encoding.common.errors import UserError
from graph_encoding.engines.engine import Engine
from graph_encoding.engines.local import LocalEngine
from train_benchmark.collecting.ledger import Ledger
from train_benchmark.collecting.plan import Campaign
from train_benchmark.collecting.record_writer import RecordStore
from train_benchmark.collecting.trainings import train_all
from train_benchmark.corpora.config import MixConfig
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
from train_benchmark.record import SCHEMA_VERSION, TrainingRecord
from train_benchmark.record_files.folder_description import (
    CAMPAIGN_DESCRIPTION,
    read_campaign_description,
)


@dataclass(frozen=True)
class Progress:
    """Progress of a running campaign.

    Attributes:
        done: jobs with a record, those of earlier runs included, those to be retried excluded.
        total: jobs of the campaign, or of the limit.
        failed: records of this campaign whose status is not "ok".
        new: records that this run added.
    """

    done: int
    total: int
    failed: int
    new: int

    def after(self, record: TrainingRecord, *, is_new: bool) -> "Progress":
        """The progress once a record is stored."""
        failed = self.failed + (record.status != "ok")
        return Progress(self.done + 1, self.total, failed, self.new + is_new)


def collect(
    campaign: Campaign,
    corpus_root: CorpusRoots,
    out: Path,
    *,
    engine: Engine | None = None,
    limit: int | None = None,
    max_seconds: float | None = None,
    retry_failed: bool = False,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
    on_record: Callable[[TrainingRecord], None] = lambda _record: None,
) -> Progress:
    """Train every job that has no record, and store each record as soon as it exists.

    An interrupt or a kill loses only trainings in flight; a second call resumes.

    Args:
        campaign: what to train.
        corpus_root: folder of the corpus, or of each member of a mix by its name.
        out: campaign folder; made, or resumed.
        engine: where trainings run; by default one process of this machine.
        limit: number of jobs to train, from the first; all if None.
        max_seconds: start no training after so many seconds; those in flight are finished.
        retry_failed: train failed jobs again; a record that has not failed replaces the failed one.
        on_progress: called at the start and after each record.
        on_record: called with the record of each job once it is stored; earlier records first.

    Raises:
        UserError: if the folder or a record in it is of another recipe or corpus, it cannot be
            written or has another writer, or the corpus breaks a rule.
    """
    jobs = campaign.first(limit)
    deadline = math.inf if max_seconds is None else time.monotonic() + max_seconds
    speech = read_speech(corpus_root, campaign.recipe)
    with RecordStore(out, retry_failed=retry_failed) as store, Ledger(out) as ledger:
        prepared = _claimed(out, speech, campaign.recipe, store.records.values())
        wanted = {job: job.identity(campaign.recipe) for job in jobs}
        missing = [job for job in jobs if wanted[job] not in store.records]
        ledger.plan(wanted.values(), store.records)
        there = [store.records[i] for i in wanted.values() if i in store.records]
        progress = Progress(len(there), len(jobs), sum(r.status != "ok" for r in there), new=0)
        on_progress(progress)
        for record in there:
            on_record(record)
        running = train_all(
            engine or LocalEngine(1),
            missing,
            campaign.recipe,
            prepared,
            on_start=lambda job: ledger.start(wanted[job]),
            may_start=lambda: time.monotonic() < deadline,
        )
        with closing(running):
            for record in running:
                progress = progress.after(record, is_new=store.append(record))
                ledger.finish(record)
                on_progress(progress)
                # A second failure is not stored in place of the first one.
                on_record(store.records[record.identity])
        return progress


def _claimed(
    out: Path, speech: RecipeSpeech, recipe: Recipe, records: Iterable[TrainingRecord]
) -> PreparedCorpus:
    """The features of a corpus, once a campaign folder is bound to it and to a recipe."""
    description: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "recipe": recipe.describe(),
        "recipe_hash": recipe.hash,
        "corpus_fingerprint": speech.fingerprint,
        "corpus_annotations": speech.annotations,
    }
    path = out / CAMPAIGN_DESCRIPTION
    there = read_campaign_description(out) if path.exists() else description
    for field in ("recipe_hash", "corpus_fingerprint"):
        if there[field] != description[field]:
            raise UserError(
                f"campaign folder {out} must hold one recipe and corpus, but its {field} is "
                f"{there[field]} and this run's is {description[field]}; choose another --out"
            )
    # Folders of earlier versions have no such field.
    if there.get("corpus_annotations", speech.annotations) != speech.annotations:
        raise UserError(
            f"campaign folder {out} must hold one corpus, but the parts of its split or the times "
            "of its phones have changed since the campaign began; restore them or choose another "
            "--out"
        )
    _check_members(out, there["recipe"]["corpus"], recipe)
    _check_records(out, records, description)
    prepared = _prepare_once(out, speech, recipe)
    # Only now: a faulty corpus must not be bound to the folder.
    if not path.exists():
        with atomic_file(path) as scratch:
            scratch.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    return prepared


def _check_records(
    out: Path, records: Iterable[TrainingRecord], description: Mapping[str, Any]
) -> None:
    """Refuse records of another recipe or corpus, as copied shards may have."""
    for record in records:
        for field in ("recipe_hash", "corpus_fingerprint"):
            found, expected = getattr(record, field), description[field]
            if found != expected:
                raise UserError(
                    f"all records of campaign folder {out} must be of one recipe and corpus, but "
                    f"cell {record.cell}, seed {record.seed} has the {field} {found} and this run "
                    f"has {expected}; remove the shards of the other campaign or choose another "
                    "--out"
                )


def _check_members(out: Path, there: Mapping[str, Any], recipe: Recipe) -> None:
    """Refuse a mix in another order: the order changes its trainings, but not the recipe's hash."""
    before = list(there.get("members", ()))
    now = list(recipe.corpus.members) if isinstance(recipe.corpus, MixConfig) else []
    if before != now:
        raise UserError(
            f"the members of a mix must keep their order, which its trainings depend on, but "
            f"campaign folder {out} began with {', '.join(before)} and this run has "
            f"{', '.join(now)}; list them as before or choose another --out"
        )


def _prepare_once(out: Path, speech: RecipeSpeech, recipe: Recipe) -> PreparedCorpus:
    features = cache_path(out, recipe, speech)
    if not features.exists():
        save_prepared(prepare(speech, recipe), features)
    return load_prepared(features)
