"""Collecting: killed at any moment it loses nothing that was finished, and does nothing twice."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from typer.testing import CliRunner

pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from graph_encoding import CellSpace, UserError
from graph_encoding.engines.engine import Engine
from surrogate.cli.app import app
from tests.unit.train_benchmark.corpora_helpers import write_utterance
from tests.unit.train_benchmark.test_record import RECORD
from train_benchmark.collecting import failure_guard
from train_benchmark.collecting.campaign import Progress, collect
from train_benchmark.collecting.campaign_folder import campaign_status
from train_benchmark.collecting.plan import Campaign
from train_benchmark.collecting.record_writer import RecordStore
from train_benchmark.collecting.trainings import lost_record
from train_benchmark.features.prepare import load_prepared, prepare, save_prepared
from train_benchmark.record import TrainingRecord
from train_benchmark.record_files.folder_kinds import read_store
from train_benchmark.table.build import build_table

ROOT = Path(__file__).parents[2]
CELLS = [CellSpace().cell(i).text for i in (7, 100, 2000, 5000, 9001, 12_345)]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    for number, speaker in enumerate(("faaa0", "fbbb0", "mccc0")):
        for sentence in range(3):
            folder = root / f"dr1-{speaker}"
            write_utterance(folder, f"sx{sentence}", seed=10 * number + sentence)
    return root


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign of six cells whose trainings take one short epoch."""
    folder = tmp_path_factory.mktemp("configs")
    train = (ROOT / "configs/train/timit-micro.toml").read_text()
    (folder / "train.toml").write_text(train.replace("epochs = 20", "epochs = 1"))
    (folder / "corpus.toml").write_text(
        'name = "test"\nlicence = "none"\n[split]\n'
        'train = ["faaa0"]\nval = ["fbbb0"]\ntest = ["mccc0"]\n'
    )
    path = folder / "campaign.toml"
    path.write_text(
        'train = "train.toml"\ncorpus = "corpus.toml"\nseeds = [1, 2]\n'
        f'[cells]\nkind = "list"\ncells = {json.dumps(CELLS)}\n'
    )
    return path


def make_record(key: str, seed: int) -> TrainingRecord:
    return replace(RECORD, functional_key=key, seed=seed)


def results(folder: Path) -> dict[tuple[str, int], tuple[object, ...]]:
    """What a record says beyond how long it took."""
    return {
        identity: (r.status, r.val_per_curve, r.train_loss_curve, r.test_per)
        for identity, r in read_store(folder).items()
    }


@pytest.fixture(scope="module")
def undisturbed(corpus: Path, config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("campaign")
    seen: list[Progress] = []
    records: list[TrainingRecord] = []
    campaign = Campaign.load(config)
    last = collect(campaign, corpus, out, on_progress=seen.append, on_record=records.append)
    assert last == Progress(done=12, total=12, failed=0, new=12)
    assert {record.identity: record for record in records} == read_store(out)
    assert [p.done for p in seen] == list(range(13))
    return out


@pytest.mark.slow
def test_killing_it_loses_nothing_and_doubles_nothing(
    corpus: Path, config: Path, undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "surrogate.cli", "collect", str(config)]
    command += ["--corpus", str(corpus), "--out", str(out), "--workers", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    chance = random.Random(0)
    kept: dict[tuple[str, int], tuple[object, ...]] = {}
    for wanted in (1, 5):
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        while process.poll() is None and len(read_store(out)) < wanted:
            time.sleep(0.05)
        time.sleep(chance.uniform(0.0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
        after = results(out)
        assert kept.items() <= after.items()
        kept = after
    subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)
    assert results(out) == results(undisturbed)
    assert len(build_table(out, tmp_path / "table")) == 12


def test_a_finished_campaign_does_nothing_more(
    corpus: Path, config: Path, undisturbed: Path
) -> None:
    before = results(undisturbed)
    again = collect(Campaign.load(config), corpus, undisturbed)
    assert again == Progress(done=12, total=12, failed=0, new=0)
    assert results(undisturbed) == before


class MadeEngine(Engine):
    """Gives made-up records, failed ones for some seeds; notes what it was asked for."""

    def __init__(self, *failing_seeds: int) -> None:
        self.failing_seeds = failing_seeds
        self.seeds: list[int] = []

    def pool(self, *_: Any) -> NoReturn:
        raise NotImplementedError

    def run(
        self, next_task: Callable[[], Any], make_work: Any, *_: Any, **__: Any
    ) -> Generator[tuple[Any, Any], None, None]:
        while (job := next_task()) is not None:
            self.seeds.append(job.seed)
            why = "its worker was lost"
            record = lost_record(job, make_work.recipe, make_work.corpus, why)
            if job.seed not in self.failing_seeds:
                record = replace(
                    record, status="ok", error="", val_per_curve=(0.5,), best_epoch=1, test_per=0.5
                )
            yield job, record


def test_what_failed_is_trained_again_when_asked_for(
    corpus: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign, out = Campaign.load(config), tmp_path / "campaign"
    # Of the repeated trainings all fail.
    monkeypatch.setattr(failure_guard, "MAX_FAILED_IN_A_ROW", 7)

    def run(engine: MadeEngine, *, retry_failed: bool) -> tuple[Progress, list[int]]:
        progress = collect(campaign, corpus, out, engine=engine, retry_failed=retry_failed)
        return progress, engine.seeds

    first, _ = run(MadeEngine(2), retry_failed=True)
    assert first == Progress(done=12, total=12, failed=6, new=12)
    kept = {identity: record.to_json() for identity, record in read_store(out).items()}
    assert run(MadeEngine(), retry_failed=False) == (Progress(12, 12, failed=6, new=0), [])
    again = run(MadeEngine(2), retry_failed=True)
    assert again == (Progress(12, 12, failed=6, new=0), [2] * 6)
    assert {identity: record.to_json() for identity, record in read_store(out).items()} == kept
    monkeypatch.setattr("surrogate.cli.commands.collect.chosen_engine", lambda *_: MadeEngine())
    command = ["collect", str(config), "--corpus", str(corpus), "--out", str(out)]
    better = CliRunner().invoke(app, [*command, "--retry-failed"])
    assert "12 of 12 trainings in" in better.stderr
    assert "6 of them new, 0 failed" in better.stderr
    assert (campaign_status(out).done, campaign_status(out).failed) == (12, 0)
    assert run(MadeEngine(), retry_failed=True) == (Progress(12, 12, failed=0, new=0), [])


def test_a_folder_keeps_to_one_recipe(corpus: Path, config: Path, undisturbed: Path) -> None:
    campaign = Campaign.load(config)
    train = campaign.recipe.train.model_copy(update={"epochs": 2})
    other = Campaign(campaign.recipe.model_copy(update={"train": train}), campaign.jobs)
    with pytest.raises(UserError, match="must hold one recipe and corpus, but its recipe_hash"):
        collect(other, corpus, undisturbed)


def test_shards_of_another_recipe_are_refused(
    corpus: Path, config: Path, undisturbed: Path, tmp_path: Path
) -> None:
    campaign = Campaign.load(config)
    train = campaign.recipe.train.model_copy(update={"dropout": 0.5})
    other = Campaign(campaign.recipe.model_copy(update={"train": train}), campaign.jobs)
    shutil.copytree(undisturbed / "shards", tmp_path / "shards")
    with pytest.raises(UserError, match=r"of one recipe and corpus, but cell .* has the recipe_ha"):
        collect(other, corpus, tmp_path, engine=MadeEngine())
    assert not (tmp_path / "campaign.json").exists()


def test_a_corpus_that_is_refused_does_not_bind_the_folder(
    corpus: Path, config: Path, tmp_path: Path
) -> None:
    campaign = Campaign.load(config)
    shutil.copytree(corpus, tmp_path / "corpus")
    write_utterance(tmp_path / "corpus/dr1-faaa0", "sx9", samples_per_phone=99)
    with pytest.raises(UserError, match=r"utterance faaa0/sx9: .* at least 400 samples"):
        collect(campaign, tmp_path / "corpus", tmp_path / "out")
    for file in (tmp_path / "corpus/dr1-faaa0").glob("sx9.*"):
        file.unlink()
    progress = collect(campaign, tmp_path / "corpus", tmp_path / "out", engine=MadeEngine())
    assert (progress.done, progress.failed) == (12, 0)


def test_a_folder_has_one_writer(tmp_path: Path) -> None:
    with RecordStore(tmp_path), pytest.raises(UserError, match="has another writer"):
        RecordStore(tmp_path).__enter__()


@pytest.mark.parametrize("cut", [1, 17, 200])
def test_a_torn_last_line_was_never_done(tmp_path: Path, cut: int) -> None:
    first, second = make_record("a", seed=1), make_record("b", seed=1)
    journal = (first.to_json() + "\n" + second.to_json() + "\n").encode()
    (tmp_path / "journal.jsonl").write_bytes(journal[:-cut])
    assert list(read_store(tmp_path)) == [first.identity]
    with RecordStore(tmp_path) as store:
        store.append(second)
    assert read_store(tmp_path) == {r.identity: r for r in (first, second)}


def test_a_record_in_shard_and_journal_counts_once(tmp_path: Path) -> None:
    record = make_record("a", seed=1)
    with RecordStore(tmp_path) as store:
        store.append(record)
    (tmp_path / "journal.jsonl").write_text(record.to_json() + "\n")
    assert read_store(tmp_path) == {record.identity: record}


def test_a_corrupt_line_inside_is_an_error_with_its_number(tmp_path: Path) -> None:
    line = make_record("a", seed=1).to_json()
    (tmp_path / "journal.jsonl").write_text(f"{line}\n{{broken\n{line}\n")
    with pytest.raises(UserError, match="line 2 is corrupt"):
        read_store(tmp_path)


def test_the_same_training_is_not_kept_twice(tmp_path: Path) -> None:
    with RecordStore(tmp_path) as store:
        store.append(make_record("a", seed=1))
        with pytest.raises(UserError, match="already has a record"):
            store.append(make_record("a", seed=1))


def test_an_unwritable_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write campaign folder"):
        RecordStore(tmp_path / "file" / "campaign").__enter__()


def test_prepared_corpora_round_trip(corpus: Path, config: Path, tmp_path: Path) -> None:
    from train_benchmark.corpora.layouts.timit import read_timit

    prepared = prepare(read_timit(corpus), Campaign.load(config).recipe)
    save_prepared(prepared, tmp_path / "features.npz")
    loaded = load_prepared(tmp_path / "features.npz")
    assert loaded.fingerprint == prepared.fingerprint
    for part in ("train", "val", "test"):
        for a, b in zip(getattr(prepared, part), getattr(loaded, part), strict=True):
            assert (a.key, a.labels, a.reference) == (b.key, b.labels, b.reference)
            assert (a.features == b.features).all()
    for content in (b"PK\x03\x04 no archive", b""):
        (tmp_path / "broken.npz").write_bytes(content)
        with pytest.raises(UserError, match="must be what this version writes, but it cannot be"):
            load_prepared(tmp_path / "broken.npz")


def test_unknown_keys_and_bad_cells_are_named(config: Path, tmp_path: Path) -> None:
    for name in ("train.toml", "corpus.toml"):
        (tmp_path / name).write_text((config.parent / name).read_text())
    path = tmp_path / "campaign.toml"
    path.write_text(config.read_text().replace("seeds", "seed"))
    with pytest.raises(UserError, match=r"campaign.toml(.|\n)*unknown key 'seed'; known: train"):
        Campaign.load(path)
    path.write_text(config.read_text().replace(CELLS[0], "99_100_1000"))
    with pytest.raises(UserError, match="'99_100_1000'"):
        Campaign.load(path)


def test_a_seed_that_stands_twice_is_refused(config: Path, tmp_path: Path) -> None:
    for name in ("train.toml", "corpus.toml"):
        (tmp_path / name).write_text((config.parent / name).read_text())
    path = tmp_path / "campaign.toml"
    path.write_text(config.read_text().replace("seeds = [1, 2]", "seeds = [1, 2, 1]"))
    with pytest.raises(UserError, match=r"key 'seeds': .*each seed must be listed once.*\[1\]"):
        Campaign.load(path)


def test_status_of_a_finished_campaign(undisturbed: Path) -> None:
    command = [sys.executable, "-m", "surrogate.cli", "collect", "status", str(undisturbed)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    printed = subprocess.run(
        [*command, "--format", "json"], env=environment, check=True, capture_output=True, text=True
    )
    status = json.loads(printed.stdout)
    assert (status["done"], status["failed"], status["in_flight"], status["waiting"]) == (
        12,
        0,
        0,
        0,
    )
    assert status["hours_left"] == 0
    assert status["per_hour"] > 0


def test_an_orderly_end_leaves_nothing_in_flight(
    corpus: Path, config: Path, tmp_path: Path
) -> None:
    """Whoever stops it gives up what was begun: nobody works on it any more."""

    class Stopped(MadeEngine):
        def run(self, next_task: Callable[[], Any], *_: Any, **__: Any) -> Any:
            next_task()
            raise KeyboardInterrupt
            yield

    with pytest.raises(KeyboardInterrupt):
        collect(Campaign.load(config), corpus, tmp_path / "out", engine=Stopped())
    status = campaign_status(tmp_path / "out")
    assert (status.done, status.in_flight, status.waiting) == (0, 0, 12)


def test_status_does_not_need_the_ledger(undisturbed: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copy"
    shutil.copytree(undisturbed, copied)
    (copied / "ledger.sqlite").unlink()
    status = campaign_status(copied)
    assert status.done == 12
    # What was planned is not known without it, and so not what is left.
    assert (status.in_flight, status.waiting, status.hours_left) == (None, None, None)


def test_no_time_left_means_no_training(corpus: Path, config: Path, tmp_path: Path) -> None:
    result = collect(Campaign.load(config), corpus, tmp_path / "none", max_seconds=0.0)
    assert result == Progress(done=0, total=12, failed=0, new=0)
    assert campaign_status(tmp_path / "none").waiting == 12


def test_a_run_without_time_moves_the_journal_into_a_shard(
    corpus: Path, config: Path, undisturbed: Path, tmp_path: Path
) -> None:
    lines = [record.to_json() + "\n" for record in read_store(undisturbed).values()]
    (tmp_path / "journal.jsonl").write_text("".join(lines[:3]))
    collect(Campaign.load(config), corpus, tmp_path, max_seconds=0.0)
    (tmp_path / "journal.jsonl").unlink()
    assert len(read_store(tmp_path)) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["status", "nowhere"], "must be a campaign folder"),
        (["CONFIG", "--until", "5"], "a number and s, m, h or d, such as 150m, but got '5'"),
        (["CONFIG", "--address", "auto"], "--address is of --engine ray"),
    ],
)
def test_wrong_arguments_are_errors(
    corpus: Path, config: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    command = [str(config) if word == "CONFIG" else word for word in arguments]
    if "CONFIG" in arguments:
        command += ["--corpus", str(corpus), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, ["collect", *command])
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "out").exists()
