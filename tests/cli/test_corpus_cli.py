"""`nasasr corpus`: corpora of one's own are checked with their configuration."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

import soundfile

from tests.cli.conftest import Run
from train_benchmark.corpora.config import CorpusConfig

TEXTS = ("Go on.", "Thank you.", "Not now.", "Good night.")


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Four recordings of noise by two speakers."""
    lines = ["audio\tspeaker\ttext\tpart"]
    for number, text in enumerate(TEXTS):
        noise = np.random.default_rng(number).uniform(-0.1, 0.1, 16_000)
        soundfile.write(tmp_path / f"{number}.flac", noise, 16_000)
        part = ("train", "train", "dev", "test")[number]
        lines.append(f"{number}.flac\t{'ann' if number % 2 else 'bob'}\t{text}\t{part}")
    path = tmp_path / "manifest.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


def write_config(folder: Path, labels: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(
        f'name = "mine"\nlicence = "mine"\nlayout = "manifest"\n{labels}\n'
        '[split_by_part]\ntrain = ["train"]\nval = ["dev"]\ntest = ["test"]\n'
    )
    return path


def test_a_manifest_is_checked_with_its_configuration(
    run: Run, manifest: Path, tmp_path: Path
) -> None:
    config = write_config(tmp_path, 'labels = "characters"')
    code, out, err = run("corpus", "check", manifest, "--config", config)
    assert code == 0, err
    assert "4 utterances, 2 speakers, 31 symbols, 4 s, fingerprint" in out
    assert "utterances per part: train 2, val 1, test 1" in out
    code, out, _ = run("corpus", "check", tmp_path, "--config", config, "--format", "json")
    report = json.loads(out)
    assert (code, report["problems"], report["label_set"]) == (0, [], "characters")
    assert report["parts"] == {"train": 2, "val": 1, "test": 1}


def test_all_faults_come_at_once_and_fail_the_check(
    run: Run, manifest: Path, tmp_path: Path
) -> None:
    config = write_config(tmp_path, 'labels = "characters"')
    (tmp_path / "0.flac").write_bytes(b"noise")
    manifest.write_text(manifest.read_text().replace("Thank you.", "Thank 2.") + "x\n")
    code, out, _ = run("corpus", "check", manifest, "--config", config)
    problems = [line for line in out.splitlines() if line.startswith("problem: ")]
    assert (code, len(problems)) == (1, 3)
    assert "manifest.tsv, line 6: must have 4 tab-separated fields, but has 1" in problems[0]
    assert "manifest.tsv, line 3: a text must have its numbers in words" in problems[1]
    assert "manifest.tsv, line 2: cannot read audio" in problems[2]
    code, out, _ = run("corpus", "check", manifest, "--config", config, "--format", "json")
    assert (code, len(json.loads(out)["problems"])) == (1, 3)


def test_the_printed_label_set_can_be_trained_on(run: Run, manifest: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path, 'labels = "ipa-espeak"')
    code, out, _ = run("corpus", "check", manifest, "--config", config)
    assert code == 0
    _, _, section = out.partition("declare the symbols:\n")
    declared = tomllib.loads(section)
    text = config.read_text().replace('labels = "ipa-espeak"\n', "")
    config.write_text(f'{text}\n[pronunciation]\nkind = "espeak-ipa"\n{section}')
    code, out, err = run("corpus", "check", manifest, "--config", config, "--format", "json")
    assert code == 0, err
    report = json.loads(out)
    assert report["label_set"] == declared["labels"]["name"]
    values = {**tomllib.loads(config.read_text())}
    outputs = CorpusConfig.model_validate(json.loads(json.dumps(values))).declared_label_set.outputs
    assert outputs == 1 + len(report["phone_counts"])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ('labels = "phones"', "unknown label set 'phones'; known: timit-61-48-39"),
        ('labels = "arpabet"', "must have a section [pronunciation]"),
        ("colour = 1", "unknown key 'colour'"),
        ('labels = "characters"\n[pronunciation]\nkind = "guess"', "'lexicon'"),
    ],
)
def test_faulty_configurations_are_usage_errors(
    run: Run, manifest: Path, tmp_path: Path, labels: str, message: str
) -> None:
    code, _, err = run("corpus", "check", manifest, "--config", write_config(tmp_path, labels))
    assert code == 2
    assert message in err
    assert "Traceback" not in err


def test_making_a_corpus_says_how_far_it_is(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "voices.toml"
    config.write_text(
        'name = "voices"\nlicence = "mine"\n'
        '[split]\ntrain = ["*"]\nval = ["faad0"]\ntest = ["faah0"]\n'
        "[synthetic]\nspeakers = 8\nsentences_per_speaker = 1\nwords_min = 1\nwords_max = 2\n"
        "snr_db_min = 10.0\nsnr_db_max = 20.0\nseed = 1\n"
    )
    code, _, err = run("corpus", "make", config, "--out", tmp_path / "voices")
    assert code == 0, err
    assert "making utterances 8/8" in err
    assert "8 utterances of 8 speakers" in err
    code, out, _ = run("corpus", "check", tmp_path / "voices", "--config", config)
    assert code == 0
    assert "utterances per part: train 6, val 1, test 1" in out
