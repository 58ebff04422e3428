"""Corpora: TIMIT's layout, its faults, and the synthetic corpus."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("soundfile", reason="needs the train extra: pip install 'nasasr[train]'")

import soundfile

from graph_encoding import UserError
from graph_encoding.common.toml_config import load_config
from tests.unit.train_benchmark.corpora_helpers import write_utterance
from train_benchmark.corpora.check import check_corpus
from train_benchmark.corpora.config import CorpusConfig, SplitConfig
from train_benchmark.corpora.layouts.timit import read_timit
from train_benchmark.corpora.splits import split_by_speaker
from train_benchmark.corpora.symbols.espeak_phones import (
    ACCENTS,
    UnmappedPhonemeError,
    timit_segments,
)
from train_benchmark.corpora.symbols.phones import PHONES_61
from train_benchmark.corpora.synthesis.spec import SyntheticConfig
from train_benchmark.corpora.synthesis.synthetic import make_corpus, speakers_of

CONFIGS = Path(__file__).parents[5] / "configs"
SMALL = SyntheticConfig(
    speakers=8,
    sentences_per_speaker=2,
    words_min=2,
    words_max=4,
    snr_db_min=10.0,
    snr_db_max=30.0,
    seed=3,
)


@pytest.fixture(scope="session")
def small_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("corpus") / "small"
    make_corpus(SMALL, out)
    return out


def test_the_real_sample_is_read_completely(timit_sample: Path) -> None:
    everything = read_timit(timit_sample, keep_sa=True)
    assert len(everything.utterances) == 160
    assert len({u.speaker for u in everything.utterances}) == 16
    assert sum(len(u.phones) for u in everything.utterances) == 6185
    assert {p for u in everything.utterances for p in u.phones} == set(PHONES_61)
    corpus = read_timit(timit_sample)
    assert len(corpus.utterances) == 128
    assert not any(u.sentence.startswith("sa") for u in corpus.utterances)


def test_upper_case_trees_and_riff_copies_read_the_same(tmp_path: Path) -> None:
    write_utterance(tmp_path / "flat" / "dr1-fabc0", "sx1")
    stem = write_utterance(tmp_path / "full" / "TRAIN" / "DR1" / "FABC0", "SX1")
    stem.with_suffix(".phn").rename(stem.with_suffix(".PHN"))
    stem.with_suffix(".wav").rename(stem.with_suffix(".WAV"))
    soundfile.write(f"{stem}.WAV.wav", np.zeros(8000), 16_000, subtype="PCM_16")
    flat, full = read_timit(tmp_path / "flat"), read_timit(tmp_path / "full")
    assert flat.fingerprint == full.fingerprint
    assert [u.key for u in full.utterances] == ["fabc0/sx1"]
    assert full.utterances[0].part == "train"
    assert flat.utterances[0].part is None


def test_sphere_and_riff_of_the_same_samples_have_one_fingerprint(
    timit_sample: Path, tmp_path: Path
) -> None:
    source = timit_sample / "dr1-fvmh0"
    samples, rate = soundfile.read(source / "sx206.wav", dtype="int16")
    for kind in ("sphere", "riff"):
        folder = tmp_path / kind / "dr1-fvmh0"
        folder.mkdir(parents=True)
        (folder / "sx206.phn").write_text((source / "sx206.phn").read_text())
    (tmp_path / "sphere/dr1-fvmh0/sx206.wav").write_bytes((source / "sx206.wav").read_bytes())
    soundfile.write(tmp_path / "riff/dr1-fvmh0/sx206.wav", samples, rate, subtype="PCM_16")
    sphere, riff = read_timit(tmp_path / "sphere"), read_timit(tmp_path / "riff")
    assert sphere.fingerprint == riff.fingerprint


def test_truncated_sphere_file_is_refused(timit_sample: Path, tmp_path: Path) -> None:
    source = timit_sample / "dr1-fvmh0"
    folder = tmp_path / "dr1-fvmh0"
    folder.mkdir()
    (folder / "sx206.phn").write_text((source / "sx206.phn").read_text())
    content = (source / "sx206.wav").read_bytes()
    (folder / "sx206.wav").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="is cut off: its header promises"):
        read_timit(tmp_path)
    (folder / "sx206.wav").write_bytes(content[:500])
    with pytest.raises(UserError, match="whole SPHERE header"):
        read_timit(tmp_path)


def test_missing_folder_and_folder_without_transcripts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        read_timit(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"no \.PHN file"):
        read_timit(tmp_path)


@pytest.mark.parametrize(("suffix", "message"), [(".wav", r"no \.WAV"), (".phn", r"no \.PHN")])
def test_a_file_without_its_partner_is_refused(tmp_path: Path, suffix: str, message: str) -> None:
    write_utterance(tmp_path / "dr1-fabc0", "sx1")
    stem = write_utterance(tmp_path / "dr1-fabc0", "sx2")
    stem.with_suffix(suffix).unlink()
    with pytest.raises(UserError, match=message):
        read_timit(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("0 100 sh\n100 50 iy\n", "line 2: times must follow"),
        ("0 100 sh\n50 150 iy\n", "line 2: times must follow"),
        ("0 999999 sh\n", "end within the audio"),
        ("0 100\n", "line 1 must be"),
        ("0 x sh\n", "line 1 must be"),
        ("0 100 zz\n", "'zz' is not a symbol of label set 'timit-61-48-39'"),
    ],
)
def test_faulty_transcripts_are_refused(tmp_path: Path, text: str, message: str) -> None:
    stem = write_utterance(tmp_path / "dr1-fabc0", "sx1")
    stem.with_suffix(".phn").write_text(text)
    with pytest.raises(UserError, match=message):
        read_timit(tmp_path)


def test_another_sample_rate_is_refused(tmp_path: Path) -> None:
    write_utterance(tmp_path / "dr1-fabc0", "sx1", rate_hz=8000)
    with pytest.raises(UserError, match="must be 16000 Hz mono, but is 8000 Hz"):
        read_timit(tmp_path)


def test_splits_partition_the_speakers(tmp_path: Path) -> None:
    for name in ("faaa0", "fbbb0", "mccc0", "mddd0"):
        write_utterance(tmp_path / f"dr1-{name}", "sx1")
    corpus = read_timit(tmp_path)
    parts = split_by_speaker(
        corpus, SplitConfig(train=("faaa0", "mddd0"), val=("fbbb0",), test=("mccc0",))
    )
    assert [[u.speaker for u in part] for part in parts] == [
        ["faaa0", "mddd0"],
        ["fbbb0"],
        ["mccc0"],
    ]
    with pytest.raises(UserError, match="4 utterances, such as faaa0/sx1, lie below neither"):
        split_by_speaker(corpus, SplitConfig(train=("*",), val=("fbbb0",), test=("mccc0",)))
    with pytest.raises(UserError, match="these are in none: \\['mddd0'\\]"):
        split_by_speaker(corpus, SplitConfig(train=("faaa0",), val=("fbbb0",), test=("mccc0",)))
    with pytest.raises(UserError, match="these are not: \\['fzzz0'\\]"):
        split_by_speaker(corpus, SplitConfig(train=("fzzz0",), val=("fbbb0",), test=("mccc0",)))


KALDI_TEST = """
    fdhc0 felc0 fjlm0 fmgd0 fmld0 fnlp0 fpas0 fpkt0 mbpm0 mcmj0 mdab0 mgrt0 mjdh0 mjln0 mjmp0 mklt0
    mlll0 mlnt0 mnjm0 mpam0 mtas1 mtls0 mwbt0 mwew0
"""
KALDI_DEV = """
    faks0 fdac1 fjem0 mgwt0 mjar0 mmdb1 mmdm2 mpdf0 fcmh0 fkms0 mbdg0 mbwm0 mcsh0 fadg0 fdms0 fedw0
    mgjf0 mglb0 mrtk0 mtaa0 mtdt0 mthc0 mwjg0 fnmr0 frew0 fsem0 mbns0 mmjr0 mdls0 mdlf0 mdvc0 mers0
    fmah0 fdrw0 mrcs0 mrjm4 fcal1 mmwh0 fjsj0 majc0 mjsw0 mreb0 fgjd0 fjmg0 mroa0 mteb0 mjfc0 mrjr0
    fmml0 mrws1
"""
"""The published lists. Source: Kaldi `egs/timit/s5/conf/{test,dev}_spk.list`."""


def test_timit_is_split_by_kaldis_lists() -> None:
    split = load_config(CONFIGS / "corpus/timit.toml", CorpusConfig).split
    assert split.train == ("*",)
    assert (sorted(split.val), sorted(split.test)) == (
        sorted(KALDI_DEV.split()),
        sorted(KALDI_TEST.split()),
    )


def test_check_lists_every_problem(tmp_path: Path) -> None:
    for sentence in ("sx1", "sx2", "sx3"):
        write_utterance(tmp_path / "dr1-fabc0", sentence)
    (tmp_path / "dr1-fabc0/sx1.phn").write_text("")
    (tmp_path / "dr1-fabc0/sx3.phn").write_text("0 10 zz\n")
    report = check_corpus(tmp_path)
    assert (report.utterances, report.fingerprint) == (1, None)
    assert len(report.problems) == 2
    assert "sx1.phn is empty" in report.problems[0]
    assert "'zz'" in report.problems[1]


def test_synthetic_corpus_reads_as_timit(small_corpus: Path) -> None:
    report = check_corpus(small_corpus)
    assert report.problems == ()
    assert (report.speakers, report.utterances) == (8, 16)
    assert len(report.phone_counts) > 35
    corpus = read_timit(small_corpus)
    assert {u.part for u in corpus.utterances} == {"train", "test"}
    assert all(u.phones[0] == u.phones[-1] == "h#" for u in corpus.utterances)


def test_synthetic_transcripts_cover_the_audio_without_gaps(small_corpus: Path) -> None:
    for transcript in small_corpus.rglob("*.PHN"):
        rows = [line.split() for line in transcript.read_text().splitlines()]
        starts, ends = [int(r[0]) for r in rows], [int(r[1]) for r in rows]
        assert starts[0] == 0
        assert starts[1:] == ends[:-1]
        assert ends[-1] == soundfile.info(transcript.with_suffix(".WAV")).frames


def test_synthetic_vowels_are_louder_than_closures_and_silence(small_corpus: Path) -> None:
    power: dict[str, list[float]] = {"vowel": [], "closure": [], "silence": []}
    kinds = {"h#": "silence", **dict.fromkeys(("iy", "ae", "aa", "ey", "ow", "er"), "vowel")}
    kinds.update(dict.fromkeys(("tcl", "kcl", "pcl"), "closure"))
    for transcript in small_corpus.rglob("*.PHN"):
        samples, _ = soundfile.read(transcript.with_suffix(".WAV"))
        for line in transcript.read_text().splitlines():
            start, end, label = line.split()
            if label in kinds:
                power[kinds[label]].append(float(np.mean(samples[int(start) : int(end)] ** 2)))
    vowel, closure, silence = (np.median(power[k]) for k in ("vowel", "closure", "silence"))
    assert vowel > 4 * closure
    assert vowel > 10 * silence


def corpus_digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()


def test_equal_seeds_give_equal_bytes_here_and_in_another_process(
    small_corpus: Path, tmp_path: Path
) -> None:
    expected = corpus_digest(small_corpus)
    make_corpus(SMALL, tmp_path / "again")
    assert corpus_digest(tmp_path / "again") == expected
    program = (
        "import sys; from pathlib import Path\n"
        "from tests.unit.train_benchmark.corpora.synthesis.test_synthetic_and_sample import SMALL\n"
        "from train_benchmark.corpora.synthesis.synthetic import make_corpus\n"
        "make_corpus(SMALL, Path(sys.argv[1]))\n"
    )
    other = tmp_path / "other"
    subprocess.run([sys.executable, "-c", program, str(other)], cwd=CONFIGS.parent, check=True)
    assert corpus_digest(other) == expected
    make_corpus(SMALL.model_copy(update={"seed": 4}), tmp_path / "changed")
    assert corpus_digest(tmp_path / "changed") != expected


def test_every_accent_and_sex_is_there_and_both_trees_are_balanced() -> None:
    speakers = speakers_of(SMALL.model_copy(update={"speakers": 32}))
    assert len({s.name for s in speakers}) == 32
    for region in range(1, len(ACCENTS) + 1):
        assert sorted(s.sex for s in speakers if s.region == region) == ["f", "f", "m", "m"]
    tested = [s for s in speakers if s.part == "TEST"]
    assert sorted(s.region for s in tested) == list(range(1, 9))


def test_an_existing_folder_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("keep")
    with pytest.raises(UserError, match="exists; choose another"):
        make_corpus(SMALL, tmp_path / "mine")
    assert (tmp_path / "mine" / "file").read_text() == "keep"


def test_an_unwritable_place_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write corpus folder"):
        make_corpus(SMALL, tmp_path / "file" / "corpus")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_stops_are_split_and_context_changes_labels() -> None:
    phonemes = [(0, "t"), (1000, "u:"), (2000, "h"), (3000, "i:"), (4000, "t#"), (5000, "@")]
    segments = timit_segments(phonemes, 6000, "en-us")
    assert [label for _, _, label in segments] == ["tcl", "t", "ux", "hv", "iy", "dx", "ax"]
    assert segments[0] == (0.0, 600.0, "tcl")
    assert segments[1][1] == 1000.0


def test_an_unknown_phoneme_is_named() -> None:
    with pytest.raises(UnmappedPhonemeError, match="'Q9' of accent 'en'"):
        timit_segments([(0, "Q9")], 10, "en")
