"""Reader of TIMIT's layout: the full LDC93S1, its public sample, corpora made like it."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple, NoReturn

import numpy as np
import soundfile
from numpy.typing import NDArray

from graph_encoding.errors import UserError
from train_benchmark.phones import PHONES_61

SAMPLE_RATE_HZ = 16_000
ALL_OTHERS = ("*",)

SA_SENTENCES = frozenset({"sa1", "sa2"})
"""The two that every speaker reads. They would stand in all parts: the benchmark removes them."""

Part = Literal["train", "test"]

_SPHERE_HEADER_BYTES = 1024


@dataclass(frozen=True, eq=False)
class Utterance:
    """One recorded sentence with its phones.

    Attributes:
        key: stable id, such as "fvmh0/sx206".
        speaker: lower case; its first letter is the sex, f or m.
        sentence: lower case, such as "sx206".
        part: "train" or "test" where the corpus has these two trees, else None.
        samples: (n,) float32 in [-1, 1] at 16 kHz.
        phones: labels of the 61, in time order.

    Raises:
        UserError: if a field is not as described; names the utterance.
    """

    key: str
    speaker: str
    sentence: str
    part: Part | None
    samples: NDArray[np.float32]
    phones: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.samples.dtype != np.float32 or self.samples.ndim != 1 or not len(self.samples):
            raise UserError(
                f"samples of {self.key} must be float32 of shape (n,), n >= 1, but are "
                f"{self.samples.dtype} of shape {self.samples.shape}"
            )
        # Negated, so that NaN fails too.
        if not np.abs(self.samples).max() <= 1.0:
            raise UserError(
                f"samples of {self.key} must lie in [-1, 1], but reach "
                f"{float(np.abs(self.samples).max())}; scale the audio down"
            )
        unknown = sorted(set(self.phones) - set(PHONES_61))
        if unknown or not self.phones:
            raise UserError(
                f"phones of {self.key} must be one or more of TIMIT's 61 labels, but "
                f"{unknown or 'there is none'}; the labels are: {' '.join(PHONES_61)}"
            )


@dataclass(frozen=True, eq=False)
class Corpus:
    """Utterances sorted by key.

    Raises:
        UserError: if there is none, or two share a key.
    """

    utterances: tuple[Utterance, ...]

    def __post_init__(self) -> None:
        keys = [u.key for u in self.utterances]
        if not keys:
            raise UserError("a corpus must have at least one utterance, but got none")
        if len(set(keys)) != len(keys):
            twice = sorted({k for k in keys if keys.count(k) > 1})
            raise UserError(f"every utterance must be there once, but these are twice: {twice[:5]}")

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of keys, phones and 16-bit samples: the same for any container or letter case."""
        digest = hashlib.sha256()
        for utterance in self.utterances:
            digest.update(f"{utterance.key}\n{' '.join(utterance.phones)}\n".encode())
            # Audio of more than 16 bits may reach 1.0, which a bare cast would make -1.0.
            samples = np.clip(np.round(utterance.samples * 32768.0), -32768, 32767)
            digest.update(samples.astype("<i2").tobytes())
        return digest.hexdigest()


class Parts(NamedTuple):
    """A corpus split by speaker."""

    train: tuple[Utterance, ...]
    val: tuple[Utterance, ...]
    test: tuple[Utterance, ...]


@dataclass(frozen=True)
class SpeakerSplit:
    """Speakers of each part; `train = ("*",)` is every unnamed speaker of the TRAIN tree.

    Raises:
        UserError: if a list is empty or a speaker stands in two.
    """

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        lists = {"train": self.train, "val": self.val, "test": self.test}
        for name, speakers in lists.items():
            if not speakers:
                raise UserError(f"the split must name at least one speaker for {name!r}, got none")
        named = [speaker for speakers in lists.values() for speaker in speakers]
        shared = sorted({speaker for speaker in named if named.count(speaker) > 1})
        if shared:
            raise UserError(f"the parts must share no speaker, but {shared} stand in more than one")


def split_by_speaker(corpus: Corpus, split: SpeakerSplit) -> Parts:
    """Cut a corpus into three parts that share no speaker.

    Raises:
        UserError: if a named speaker is not in the corpus, a speaker is in no list (unless the
            training list is "*"), or "*" is asked of a corpus without the two trees or matches
            nobody.
    """
    present = {u.speaker for u in corpus.utterances}
    named = {*split.val, *split.test, *(() if split.train == ALL_OTHERS else split.train)}
    missing = sorted(named - present)
    if missing:
        raise UserError(
            f"speakers of the split must be in the corpus, but these are not: {missing[:8]}; "
            f"the corpus has {len(present)} speakers: {sorted(present)[:8]} ..."
        )
    train = set(split.train)
    if split.train == ALL_OTHERS:
        # Else one corpus, with one fingerprint, would have other training speakers laid out flat.
        flat = [u.key for u in corpus.utterances if u.part is None]
        if flat:
            raise UserError(
                "train = ['*'] means the speakers below TRAIN, so that all must lie below TRAIN or "
                f"TEST, but {len(flat)} utterances, such as {flat[0]}, lie below neither; give the "
                "folder that holds both, or list the training speakers"
            )
        train = {u.speaker for u in corpus.utterances if u.part == "train"} - named
        if not train:
            raise UserError(
                "train = ['*'] must leave at least one speaker of the TRAIN tree that the other "
                f"lists do not name, but leaves none of {len(present)}; give the whole corpus"
            )
    elif present - named:
        raise UserError(
            "every speaker must be in one list of the split, but these are in none: "
            f"{sorted(present - named)[:8]}; name them or use train = ['*']"
        )

    def of(speakers: set[str]) -> tuple[Utterance, ...]:
        return tuple(u for u in corpus.utterances if u.speaker in speakers)

    return Parts(of(train), of(set(split.val)), of(set(split.test)))


def read_timit(root: Path, *, keep_sa: bool = False) -> Corpus:
    """Read a corpus in TIMIT's layout.

    Accepts upper and lower case names, NIST SPHERE and RIFF audio, the TRAIN/DRn/SPEAKER tree
    and flat `drn-speaker` folders.

    Args:
        root: folder of the corpus.
        keep_sa: keep the two SA sentences that every speaker reads. The benchmark removes them.

    Raises:
        UserError: if the folder has no .PHN file, an audio file has no transcript or the
            reverse, or a file breaks the format; names the file.
    """
    utterances = [
        read_utterance(audio, transcript, root)
        for audio, transcript in find_pairs(root)
        if keep_sa or _sentence(audio) not in SA_SENTENCES
    ]
    if not utterances:
        raise UserError(
            f"corpus folder {root} has only SA sentences, which the benchmark removes; "
            "give the folder of the whole corpus"
        )
    return Corpus(tuple(sorted(utterances, key=lambda u: u.key)))


class FoundFiles(NamedTuple):
    """The files of a corpus.

    Attributes:
        pairs: (audio, transcript), in rising order of path.
        problems: one message for each file without its partner, or with the name of another.
    """

    pairs: tuple[tuple[Path, Path], ...]
    problems: tuple[str, ...]


def find_pairs(root: Path) -> tuple[tuple[Path, Path], ...]:
    """Audio files with their transcripts, in rising order of path.

    Raises:
        UserError: if there is no transcript, a file is without its partner, or two have one name.
    """
    found = find_files(root)
    if found.problems:
        raise UserError(f"{found.problems[0]}; files with such a problem: {len(found.problems)}")
    return found.pairs


def find_files(root: Path) -> FoundFiles:
    """Audio files and transcripts below a folder, with and without partner.

    Raises:
        UserError: if the folder does not exist, cannot be read or has no transcript.
    """
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise UserError(f"corpus folder {root} {what}; give the folder of TIMIT")
    audio: dict[Path, Path] = {}
    transcripts: dict[Path, Path] = {}
    problems: list[str] = []
    for path in sorted(_files_below(root)):
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
    both = sorted(set(audio) & set(transcripts))
    return FoundFiles(tuple((audio[stem], transcripts[stem]) for stem in both), tuple(problems))


def _files_below(root: Path) -> Iterator[Path]:
    """All files, also those in folders that are linked."""

    def refuse(e: OSError) -> NoReturn:
        raise UserError(f"cannot read corpus folder {e.filename}: {e.strerror}") from e

    for folder, below, names in os.walk(root, followlinks=True, onerror=refuse):
        real = Path(folder).resolve()
        # A link to a folder that it lies in leads to nothing new, and would lead there forever.
        below[:] = [name for name in below if not real.is_relative_to((real / name).resolve())]
        yield from (Path(folder, name) for name in names)


def read_utterance(audio: Path, transcript: Path, root: Path) -> Utterance:
    """Read one sentence of the corpus below `root`.

    Raises:
        UserError: if the audio is cut off, not 16 kHz mono, or the transcript breaks a rule.
    """
    samples = _read_audio(audio)
    folder = audio.parent.name.lower()
    speaker = folder.rsplit("-", maxsplit=1)[-1]
    sentence = _sentence(audio)
    trees = [name.lower() for name in audio.relative_to(root).parts]
    part: Part | None = "train" if "train" in trees else "test" if "test" in trees else None
    phones = tuple(label for _, _, label in read_phn(transcript, len(samples)))
    return Utterance(f"{speaker}/{sentence}", speaker, sentence, part, samples, phones)


def _sentence(audio: Path) -> str:
    return audio.name.lower().split(".")[0]


def read_phn(path: Path, samples: int) -> tuple[tuple[int, int, str], ...]:
    """Read a .PHN transcript: (first sample, end sample, label) for each phone.

    Args:
        path: the file.
        samples: length of the audio it belongs to.

    Raises:
        UserError: if it is empty, a line is malformed, a label unknown, or times run
            backwards, overlap or pass the end of the audio.
    """
    try:
        lines = path.read_text(encoding="ascii").split("\n")
    except (OSError, UnicodeDecodeError) as e:
        raise UserError(f"cannot read transcript {path}: {e}") from e
    segments: list[tuple[int, int, str]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        fields = line.split()
        if len(fields) != 3 or not (fields[0].isdigit() and fields[1].isdigit()):
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
        if label not in PHONES_61:
            raise UserError(
                f"{path}, line {number}: {label!r} is not one of TIMIT's 61 labels: "
                f"{' '.join(PHONES_61)}"
            )
        segments.append((start, end, label))
    if not segments:
        raise UserError(f"transcript {path} is empty; every utterance needs its phones")
    return tuple(segments)


def _read_audio(path: Path) -> NDArray[np.float32]:
    _check_sphere_length(path)
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as e:
        raise UserError(f"cannot read audio {path}: {e}") from e
    if rate != SAMPLE_RATE_HZ or samples.shape[1] != 1:
        raise UserError(
            f"audio {path} must be {SAMPLE_RATE_HZ} Hz mono, but is {rate} Hz with "
            f"{samples.shape[1]} channels; resample it"
        )
    mono: NDArray[np.float32] = np.ascontiguousarray(samples[:, 0])
    return mono


def _check_sphere_length(path: Path) -> None:
    """Refuse a NIST SPHERE file that is shorter than its header says.

    libsndfile reads such a file without a word, only with fewer samples.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_SPHERE_HEADER_BYTES)
    except OSError as e:
        raise UserError(f"cannot read audio {path}: {e}") from e
    if not header.startswith(b"NIST_1A"):
        return
    if len(header) < _SPHERE_HEADER_BYTES:
        raise UserError(
            f"audio {path} must have a whole SPHERE header of {_SPHERE_HEADER_BYTES} bytes, but "
            f"has {len(header)}; it is cut off, copy it again"
        )
    fields = {}
    for line in header.decode("ascii", errors="replace").splitlines():
        words = line.split(maxsplit=2)
        if len(words) == 3:
            fields[words[0]] = words[2]
    try:
        expected = int(fields["sample_count"]) * int(fields["sample_n_bytes"])
    except (KeyError, ValueError) as e:
        raise UserError(
            f"audio {path} must have a whole SPHERE header with sample_count and sample_n_bytes, "
            "but has not; it is cut off or damaged, copy it again"
        ) from e
    found = path.stat().st_size - _SPHERE_HEADER_BYTES
    if found < expected:
        raise UserError(
            f"audio {path} is cut off: its header promises {expected} bytes of samples, but it "
            f"has {found}; copy it again"
        )
