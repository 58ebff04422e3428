"""Label sets from the configuration to the record: outputs, references, hashes, mixes."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

import soundfile
from pydantic import ValidationError

from graph_encoding import Cell, UserError, params
from graph_encoding.semantics import Semantics
from train_benchmark.corpora.config import CorpusConfig, MixConfig
from train_benchmark.corpora.symbols.label_sets import LABEL_SETS, LabelsConfig
from train_benchmark.features.prepare import load_prepared, prepare, read_speech, save_prepared
from train_benchmark.recipe import FrameLoss, Recipe
from train_benchmark.training.trainer import train_cell

CONFIGS = Path(__file__).parents[2] / "configs"
TABLES = Path(__file__).parents[2] / "train_benchmark/tables"
RECIPE = Recipe.load(CONFIGS / "train/timit-micro.toml", CONFIGS / "corpus/timit-sample.toml")
CELL = Cell.parse("10_100_1000")
PARTS = {"train": ("train",), "val": ("dev",), "test": ("test",)}


def corpus_config(**changes: object) -> CorpusConfig:
    values = {"name": "mine", "licence": "mine", "layout": "manifest", "split_by_part": PARTS}
    return CorpusConfig.model_validate({**values, **changes})


def recipe_on(corpus: CorpusConfig | MixConfig, **changes: object) -> Recipe:
    train = RECIPE.train.model_copy(update={"epochs": 1, **changes})
    return RECIPE.model_copy(update={"corpus": corpus, "train": train})


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight recordings of noise with texts."""
    folder = tmp_path_factory.mktemp("mine")
    rows = []
    for number in range(8):
        noise = np.random.default_rng(number).uniform(-0.1, 0.1, 24_000)
        soundfile.write(folder / f"{number}.wav", noise, 16_000)
        part = ("train",) * 4 + ("dev",) * 2 + ("test",) * 2
        row = {"audio": f"{number}.wav", "speaker": "ann", "part": part[number]}
        rows.append(json.dumps({**row, "text": "Good night, now go."}))
    path = folder / "manifest.jsonl"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("name", ["timit-micro", "synth-micro"])
def test_recipes_of_shipped_tables_keep_their_hash(name: str) -> None:
    corpus = {"timit-micro": "timit-sample"}.get(name, name)
    recipe = Recipe.load(CONFIGS / f"train/{name}.toml", CONFIGS / f"corpus/{corpus}.toml")
    assert recipe.hash == json.loads((TABLES / name / "metadata.json").read_text())["recipe_hash"]


@pytest.mark.parametrize("name", list(LABEL_SETS))
def test_a_network_has_an_output_per_class_and_the_blank(name: str) -> None:
    labels = LABEL_SETS.get(name)
    recipe = recipe_on(corpus_config(labels=name))
    assert recipe.macro.outputs == len(labels.classes) + 1
    default = recipe_on(corpus_config())
    assert (recipe.hash == default.hash) == (name == "timit-61-48-39")


def test_a_declared_set_is_part_of_the_hash() -> None:
    def hash_of(*classes: str) -> str:
        return recipe_on(corpus_config(labels={"name": "mine", "classes": classes})).hash

    assert hash_of("a", "b") == hash_of("a", "b")
    assert hash_of("a", "b") != hash_of("a", "c")


@pytest.mark.parametrize("name", ["characters", "timit-61"])
def test_other_labels_are_trained_and_scored(manifest: Path, tmp_path: Path, name: str) -> None:
    recipe = recipe_on(corpus_config(labels=name))
    prepared = prepare(read_speech(manifest, recipe), recipe)
    (first, *_) = prepared.train
    labels = LABEL_SETS.get(name)
    assert first.labels == first.reference
    spelt = "".join(labels.classes[label - 1] for label in first.labels)
    expected = {"characters": "good|night|now|go", "timit-61": "h#gcl"}[name]
    assert spelt.startswith(expected)
    save_prepared(prepared, tmp_path / "features.npz")
    loaded = load_prepared(tmp_path / "features.npz")
    assert [u.reference for u in loaded.test] == [u.reference for u in prepared.test]
    record = train_cell(CELL, 1, recipe, loaded)
    assert (record.status, record.error) == ("ok", "")
    # The micro network has no LSTM: its last block's channels meet the classifier.
    channels = recipe.macro.filters[-1]
    missing = RECIPE.macro.outputs - labels.outputs
    reference = params(CELL, RECIPE.macro, Semantics.PAPER)
    assert record.params == reference - missing * (channels + 1)


def test_a_corpus_of_another_set_is_refused(manifest: Path) -> None:
    speech = read_speech(manifest, recipe_on(corpus_config(labels="characters")))
    with pytest.raises(UserError, match=r"recipe's label set, 'arpabet', but was .* 'characters'"):
        prepare(speech, recipe_on(corpus_config(labels="arpabet")))


def test_an_open_set_cannot_be_trained_on(manifest: Path) -> None:
    recipe = recipe_on(corpus_config(labels="ipa-espeak"))
    with pytest.raises(UserError, match=r"replaced by a section \[labels\]"):
        prepare(read_speech(manifest, recipe), recipe)


def test_a_frame_loss_needs_times(manifest: Path) -> None:
    frame_loss = FrameLoss(weight=1.0, ctc_weight=0.2, hold=0.4, end=0.6)
    recipe = recipe_on(corpus_config(labels="characters"), frame_loss=frame_loss)
    with pytest.raises(UserError, match="times of its phones, but no utterance of 'mine'"):
        prepare(read_speech(manifest, recipe), recipe)


def test_members_of_a_mix_have_one_label_set() -> None:
    def mix(*sets: object) -> MixConfig:
        members = {
            f"m{i}": {"corpus": corpus_config(labels=labels), "share": 1 / len(sets)}
            for i, labels in enumerate(sets)
        }
        values = {"name": "mix", "licence": "mine", "epoch_utterances": 4, "members": members}
        return MixConfig.model_validate({**values, "val": ("m0/val",), "test": ("m0/test",)})

    declared = LabelsConfig(name="mine", classes=("a", "b"))
    assert mix("characters", "characters").declared_label_set.name == "characters"
    assert mix(declared, declared).declared_label_set.outputs == 3
    with pytest.raises(ValidationError, match="must have one label set, but have"):
        mix("characters", "timit-61")
    with pytest.raises(ValidationError, match="must have one label set, but have"):
        mix(declared, LabelsConfig(name="mine", classes=("a", "c")))
