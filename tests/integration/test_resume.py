"""A campaign resumes only with the corpus and the order of members that it began with."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from graph_encoding import Cell, UserError
from tests.integration.test_collect import MadeEngine
from tests.unit.train_benchmark.corpora_helpers import write_utterance
from train_benchmark.collecting.campaign import Progress, collect
from train_benchmark.collecting.plan import Campaign, Job
from train_benchmark.corpora.config import CorpusConfig, MixConfig
from train_benchmark.features.prepare import cache_path, load_prepared, read_speech
from train_benchmark.recipe import Recipe
from train_benchmark.record import TrainingRecord

ROOT = Path(__file__).parents[2]
TRAIN = Recipe.load(
    ROOT / "configs/train/timit-micro.toml", ROOT / "configs/corpus/timit-sample.toml"
).train
JOBS = (Job(Cell.parse("10_110_1011"), 1),)
PARTS = {"train": ["train"], "val": ["val"], "test": ["test"]}
LINES = [["a", "train"], ["b", "train"], ["c", "val"], ["d", "test"]]
TIMES = "0-2000 2000-4000 4000-6000 6000-8000"


def campaign_of(corpus: CorpusConfig | MixConfig) -> Campaign:
    return Campaign(Recipe(train=TRAIN, corpus=corpus), JOBS)


def manifest(folder: Path, lines: list[list[str]], times: str = TIMES) -> Path:
    rows = ["audio\tspeaker\tphones\tpart\ttimes"]
    for number, (speaker, part) in enumerate(lines):
        write_utterance(folder / speaker, "sx1", seed=number)
        rows.append(f"{speaker}/sx1.wav\t{speaker}\th# sh iy h#\t{part}\t{times}")
    (folder / "manifest.tsv").write_text("\n".join(rows) + "\n")
    return folder


def from_manifest() -> CorpusConfig:
    values = {"name": "c", "licence": "none", "layout": "manifest", "split_by_part": PARTS}
    return CorpusConfig.model_validate(values)


CHANGES: list[dict[str, Any]] = [
    {"lines": [["a", "train"], ["b", "test"], ["c", "val"], ["d", "test"]]},
    {"lines": LINES, "times": "0-100 100-4000 4000-6000 6000-8000"},
]


@pytest.mark.parametrize("changes", CHANGES)
def test_another_part_or_time_of_an_utterance_is_another_corpus(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    campaign = campaign_of(from_manifest())
    root, out = manifest(tmp_path / "corpus", LINES), tmp_path / "out"
    collect(campaign, root, out, engine=MadeEngine())
    first = read_speech(root, campaign.recipe)
    manifest(root, **changes)
    second = read_speech(root, campaign.recipe)
    assert first.fingerprint == second.fingerprint
    with pytest.raises(
        UserError, match="but the parts of its split or the times of its phones have changed"
    ):
        collect(campaign, root, out, engine=MadeEngine())
    paths = {cache_path(out, campaign.recipe, speech) for speech in (first, second)}
    assert len(paths) == 2
    assert [path.exists() for path in paths].count(True) == 1


def test_a_flat_copy_of_the_same_split_resumes(tmp_path: Path) -> None:
    split = {"train": ["a"], "val": ["b"], "test": ["c"]}
    campaign = campaign_of(
        CorpusConfig.model_validate({"name": "c", "licence": "none", "split": split})
    )
    for speaker, tree in zip("abc", ("TRAIN", "TRAIN", "TEST"), strict=True):
        write_utterance(tmp_path / "tree" / tree / "DR1" / speaker, "sx1")
        write_utterance(tmp_path / "flat" / speaker, "sx1")
    out = tmp_path / "out"
    collect(campaign, tmp_path / "tree", out, engine=MadeEngine())
    assert collect(campaign, tmp_path / "flat", out).new == 0


def test_folders_of_earlier_versions_resume(tmp_path: Path) -> None:
    campaign = campaign_of(from_manifest())
    root, out = manifest(tmp_path / "corpus", LINES), tmp_path / "out"
    collect(campaign, root, out, engine=MadeEngine())
    path = out / "campaign.json"
    description = json.loads(path.read_text())
    assert description.pop("corpus_annotations")
    path.write_text(json.dumps(description))
    manifest(root, CHANGES[0]["lines"])
    assert collect(campaign, root, out) == Progress(done=1, total=1, failed=0, new=0)
    # Nothing of the features of the corpus as it was is used.
    speech = read_speech(root, campaign.recipe)
    prepared = load_prepared(cache_path(out, campaign.recipe, speech))
    assert [u.key for u in prepared.train] == ["a/a/sx1"]
    assert json.loads(path.read_text()) == description


def mix(*names: str) -> MixConfig:
    split = {"train": ["a"], "val": ["b"], "test": ["c"]}
    corpus = {"name": "c", "licence": "none", "split": split}
    values = {
        "name": "m",
        "licence": "none",
        "epoch_utterances": 4,
        "members": {name: {"corpus": corpus, "share": 0.5} for name in names},
        "val": ["x/val"],
        "test": ["x/test"],
    }
    return MixConfig.model_validate(values)


def test_the_members_of_a_mix_keep_their_order(tmp_path: Path) -> None:
    roots = {name: tmp_path / name for name in "xy"}
    for root in roots.values():
        for speaker in "abc":
            write_utterance(root / speaker, "sx1")
    first, second = campaign_of(mix("x", "y")), campaign_of(mix("y", "x"))
    assert first.recipe.hash == second.recipe.hash
    out = tmp_path / "out"
    collect(first, roots, out, engine=MadeEngine())
    assert collect(first, roots, out).new == 0
    with pytest.raises(UserError, match="began with x, y and this run has y, x; list them as"):
        collect(second, roots, out)


def test_records_that_are_passed_on_are_those_in_the_folder(tmp_path: Path) -> None:
    campaign = campaign_of(from_manifest())
    root, out = manifest(tmp_path / "corpus", LINES), tmp_path / "out"
    seen: list[TrainingRecord] = []

    class OtherError(MadeEngine):
        def run(self, *args: Any, **kwargs: Any) -> Any:
            for job, record in super().run(*args, **kwargs):
                yield job, replace(record, error="another")

    collect(campaign, root, out, engine=MadeEngine(1), on_record=seen.append)
    collect(campaign, root, out, engine=OtherError(1), retry_failed=True, on_record=seen.append)
    assert [record.error for record in seen] == ["its worker was lost"] * 2
