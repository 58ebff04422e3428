"""Single trainings repeat those of a campaign to the bit, on the same corpus only."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from graph_encoding import Cell, UserError
from tests.unit.train_benchmark.corpora_helpers import write_utterance
from train_benchmark.collecting.campaign import collect
from train_benchmark.collecting.plan import Campaign
from train_benchmark.collecting.retrain import trainer_of
from train_benchmark.record_files.folder_kinds import read_store

ROOT = Path(__file__).parents[2]
CELL = "10_100_1000"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for number, speaker in enumerate(("faaa0", "fbbb0", "mccc0")):
        write_utterance(tmp_path / "corpus" / f"dr1-{speaker}", "sx0", seed=number)
    return tmp_path / "corpus"


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    """One cell, one short epoch."""
    train = (ROOT / "configs/train/timit-micro.toml").read_text()
    (tmp_path / "train.toml").write_text(train.replace("epochs = 20", "epochs = 1"))
    (tmp_path / "corpus.toml").write_text(
        'name = "test"\nlicence = "none"\n[split]\n'
        'train = ["faaa0"]\nval = ["fbbb0"]\ntest = ["mccc0"]\n'
    )
    (tmp_path / "campaign.toml").write_text(
        'train = "train.toml"\ncorpus = "corpus.toml"\nseeds = [1]\n'
        f'[cells]\nkind = "list"\ncells = ["{CELL}"]\n'
    )
    return Campaign.load(tmp_path / "campaign.toml")


def test_a_record_is_repeated_to_the_bit(corpus: Path, campaign: Campaign, tmp_path: Path) -> None:
    collect(campaign, corpus, tmp_path / "out")
    (old,) = read_store(tmp_path / "out").values()
    new = trainer_of(campaign, corpus, old.corpus_fingerprint)(Cell.parse(CELL), 1)
    assert new.status == old.status == "ok"
    assert (new.val_per_curve, new.test_per) == (old.val_per_curve, old.test_per)


def test_another_corpus_is_refused(corpus: Path, campaign: Campaign) -> None:
    with pytest.raises(UserError, match=r"measured on 000; give the same corpus"):
        trainer_of(campaign, corpus, "000")
