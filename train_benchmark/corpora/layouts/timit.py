"""Reader of TIMIT's layout: the full LDC93S1, its public sample, and similar corpora."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from graph_encoding.common.errors import UserError
from train_benchmark.corpora.layouts.audio_files import read_audio
from train_benchmark.corpora.layouts.folders import check_folder, files_below
from train_benchmark.corpora.layouts.listing import Entry, Listing, corpus_of
from train_benchmark.corpora.layouts.source import CorpusSource
from train_benchmark.corpora.layouts.utterance import Corpus, Utterance
from train_benchmark.corpora.symbols.label_sets import TIMIT_61_48_39, LabelSet

SA_SENTENCES = frozenset({"sa1", "sa2"})
"""Read by every speaker, so in all parts of a split: the benchmark removes them."""

_TIMIT_SENTENCE = re.compile(r"(sa|si|sx)[0-9]+")
_SPEAKER_IN_NAME = re.compile(r".*[^a-z](sa|si|sx)[0-9]+")
"""A sentence name of TIMIT with a prefix, such as "fcjf0_sx37"."""
_NO_SPEAKER = re.compile(r"train|test|dr[1-8]")
"""Folders of TIMIT that contain speakers' folders."""

_REGION = re.compile(r"^dr[1-8]-")
"""Prefix of a speaker's folder in flat copies of TIMIT, such as `dr1-fvmh0`."""

_POSITION = re.compile(r"[0-9]{1,18}")


def list_timit(root: Path, source: CorpusSource, parts: frozenset[str] | None) -> Listing:
    """List the utterances of a corpus in TIMIT's layout.

    Names may be upper or lower case, audio NIST SPHERE or RIFF, folders TRAIN/DRn/SPEAKER or flat
    `drn-speaker`.

    Args:
        root: folder of the corpus.
        source: the label set of its .PHN files.
        parts: "train" and "test", the trees to read; None for all utterances.

    Raises:
        UserError: if the folder does not exist, cannot be read or has no .PHN file.
    """
    found = find_files(root)
    sentences = {audio: _sentence(audio) for audio, _ in found.pairs}
    others = sorted({s for s in sentences.values() if not _TIMIT_SENTENCE.fullmatch(s)})
    return Listing(
        tuple(
            Entry(
                str(audio),
                partial(read_utterance, audio, transcript, root, source.label_set),
                never_trained=sentences[audio] in SA_SENTENCES,
            )
            for audio, transcript in found.pairs
            if parts is None or _part(audio, root) in parts
        ),
        found.problems,
        (_other_names(others),) if others else (),
    )


def _other_names(sentences: Sequence[str]) -> str:
    return (
        f"{len(sentences)} sentences, such as {sentences[0]!r}, are not named as TIMIT's (sa, si "
        "or sx and a number): only sentences named sa1 and sa2 are kept out of training"
    )


def read_timit(root: Path, *, keep_sa: bool = False) -> Corpus:
    """Read a corpus in TIMIT's layout and label set.

    Args:
        root: folder of the corpus.
        keep_sa: keep the two SA sentences, which are never trained on.

    Raises:
        UserError: if the folder has no .PHN file, an audio file has no transcript or vice versa, or
            a file breaks the format.
    """
    return corpus_of(list_timit(root, CorpusSource(), None), root, keep_sa=keep_sa)


class FoundFiles(NamedTuple):
    """The files of a corpus.

    Attributes:
        pairs: (audio, transcript), sorted by path.
        problems: one message per folder that cannot be read, per file without its partner or with
            the name of another, and one if names do not contain speaker and sentence.
    """

    pairs: tuple[tuple[Path, Path], ...]
    problems: tuple[str, ...]


def find_files(root: Path) -> FoundFiles:
    """Find audio files and transcripts below a folder.

    Raises:
        UserError: if the folder does not exist, cannot be read or has no transcript.
    """
    check_folder(root, "give the folder with its recordings")
    audio: dict[Path, Path] = {}
    transcripts: dict[Path, Path] = {}
    problems: list[str] = []
    for path in sorted(files_below(root, problems)):
        name = path.name.lower()
        found = audio if name.endswith(".wav") else transcripts
        if name.endswith(".wav"):
            stem = path.with_name(name.removesuffix(".wav").removesuffix(".wav"))
        elif name.endswith(".phn"):
            stem = path.with_name(name.removesuffix(".phn"))
        else:
            continue
        first = found.setdefault(stem, path)
        # Some distributions add RIFF copies as SX1.WAV.wav beside the SPHERE originals.
        if first != path and len(first.name) == len(path.name):
            problems.append(f"{path} has the name of {first} but for its case; remove one")
    if not transcripts and problems:
        raise UserError(problems[0])
    if not transcripts:
        raise UserError(
            f"corpus folder {root} has no .PHN file anywhere below it; give the folder that "
            "holds TRAIN and TEST, or the sample's dr1-... folders"
        )
    problems += [
        f"{have[stem]} has no {what} file beside it"
        for have, lack, what in ((audio, transcripts, ".PHN"), (transcripts, audio, ".WAV"))
        for stem in sorted(set(have) - set(lack))
    ]
    problems += _unclear_speakers(tuple(audio.values()))
    both = sorted(set(audio) & set(transcripts))
    return FoundFiles(tuple((audio[stem], transcripts[stem]) for stem in both), tuple(problems))


def _unclear_speakers(audio: tuple[Path, ...]) -> Iterator[str]:
    """Problems if names of files and folders do not contain speaker and sentence."""
    named = [path for path in audio if _SPEAKER_IN_NAME.fullmatch(_sentence(path))]
    homeless = [path for path in audio if _NO_SPEAKER.fullmatch(path.parent.name.lower())]
    move = "move each to SPEAKER/SENTENCE.WAV, and its .PHN file with it"
    if named:
        yield (
            "a file must be named after its sentence, in a folder of its speaker's name, as "
            f"FCJF0/SX37.WAV, but {len(named)} audio files, such as {named[0]}, have more in their "
            f"names, which mixes speakers up and trains on SA sentences; {move}"
        )
    elif homeless:
        yield (
            f"a file must lie in a folder of its speaker's name, but {len(homeless)} audio files, "
            f"such as {homeless[0]}, lie in {homeless[0].parent.name!r} itself; {move}"
        )


def read_utterance(
    audio: Path, transcript: Path, root: Path, labels: LabelSet | None = TIMIT_61_48_39
) -> Utterance:
    """Read one sentence of the corpus below `root`.

    Raises:
        UserError: if the audio is truncated, not 16 kHz mono, or the transcript breaks a rule.
    """
    samples = read_audio(audio)
    speaker = _REGION.sub("", audio.parent.name.lower())
    sentence = _sentence(audio)
    segments = read_phn(transcript, len(samples), labels)
    return Utterance(
        key=f"{speaker}/{sentence}",
        speaker=speaker,
        sentence=sentence,
        part=_part(audio, root),
        samples=samples,
        phones=tuple(label for _, _, label in segments),
        times=tuple((start, end) for start, end, _ in segments),
        labels=labels,
    )


def _part(audio: Path, root: Path) -> str | None:
    """The tree that contains a file."""
    trees = [name.lower() for name in audio.relative_to(root).parts]
    return "train" if "train" in trees else "test" if "test" in trees else None


def _sentence(audio: Path) -> str:
    return audio.name.lower().split(".")[0]


def read_phn(
    path: Path, samples: int, labels: LabelSet | None = TIMIT_61_48_39
) -> tuple[tuple[int, int, str], ...]:
    """Read a .PHN transcript: (first sample, end sample, label) per phone.

    Args:
        path: the file.
        samples: length of the audio.
        labels: label set of its phones; None accepts any.

    Raises:
        UserError: if it is empty, a line is malformed, a label is unknown, or times decrease,
            overlap or exceed the audio.
    """
    try:
        # Bytes that are not UTF-8 become \xNN, so that the message can show the line.
        lines = path.read_text(encoding="utf-8-sig", errors="backslashreplace").split("\n")
    except OSError as e:
        raise UserError(f"cannot read transcript {path}: {e}") from e
    segments: list[tuple[int, int, str]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        fields = line.split()
        if len(fields) != 3 or not all(_POSITION.fullmatch(field) for field in fields[:2]):
            raise UserError(
                f"{path}, line {number} must be 'first_sample end_sample phone', but is {line!r}"
            )
        start, end, label = int(fields[0]), int(fields[1]), fields[2]
        earliest = segments[-1][1] if segments else 0
        if not earliest <= start < end <= samples:
            raise UserError(
                f"{path}, line {number}: times must follow the phone before (from {earliest}) and "
                f"end within the audio ({samples} samples), but are {start} to {end}"
            )
        if labels and label not in labels.class_of:
            raise UserError(
                f"{path}, line {number}: {label!r} is not a symbol of label set {labels.name!r}: "
                f"{' '.join(labels.class_of)}"
            )
        segments.append((start, end, label))
    if not segments:
        raise UserError(f"transcript {path} is empty; every utterance needs its phones")
    return tuple(segments)
