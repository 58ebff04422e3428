"""Results of listing a corpus: its utterances, and problems of its files."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from train_benchmark.corpora.layouts.source import CorpusSource
from train_benchmark.corpora.layouts.utterance import Corpus, Utterance
from train_benchmark.corpora.symbols.label_sets import LabelSet
from train_benchmark.corpora.symbols.pronunciation import (
    Lexicon,
    UnknownWordError,
    pronouncer,
)


@dataclass(frozen=True)
class Entry:
    """One utterance before its audio is read.

    Attributes:
        place: its file, or file and line.
        read: reads it; its UserErrors name the file.
        never_trained: whether the benchmark excludes it from training.
    """

    place: str
    read: Callable[[], Utterance]
    never_trained: bool = False


@dataclass(frozen=True)
class Listing:
    """Result of listing a corpus, before audio is read.

    Attributes:
        entries: the utterances, in any order.
        problems: one message per file or line that breaks a rule.
        notes: valid, but often unintended findings.
    """

    entries: tuple[Entry, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Transcript:
    """An utterance's transcript, before its audio is read; see `Utterance` for most fields.

    Attributes:
        place: the file, or file and line, of the transcript.
        audio: file of the recording.
        key: unique id.
        speaker: name of the speaker.
        sentence: name of the sentence.
        part: the corpus's own part.
        text: the words; empty if the transcript has symbols.
        symbols: the transcript in symbols; empty if it has words.
        times: (first sample, end sample) of each symbol, or empty.
    """

    place: str
    audio: Path
    key: str
    speaker: str
    sentence: str
    part: str | None
    text: str = ""
    symbols: tuple[str, ...] = ()
    times: tuple[tuple[int, int], ...] = ()


@dataclass
class Findings:
    """Findings of a reader, collected file by file."""

    transcripts: list[Transcript] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def listing_of(
    findings: Findings,
    root: Path,
    source: CorpusSource,
    read_samples: Callable[[Path], NDArray[np.float32]],
) -> Listing:
    """Convert the texts of findings to symbols.

    Args:
        findings: the reader's findings.
        root: folder of the corpus, which a lexicon's path is relative to.
        source: pronunciation and label set.
        read_samples: reads an audio file.

    Raises:
        UserError: if texts cannot be converted to symbols.
    """
    found = [t for t in findings.transcripts if t.symbols]
    texts = [t for t in findings.transcripts if not t.symbols]
    problems, notes = list(findings.problems), list(findings.notes)
    if texts:
        how = source.text_pronunciation
        left_out: list[str] = []
        leaves_out = isinstance(how, Lexicon) and how.unknown_words == "leave-out"
        with pronouncer(how, root) as pronounce:
            for transcript in texts:
                try:
                    found.append(replace(transcript, symbols=pronounce(transcript.text)))
                except UnknownWordError as e:
                    (left_out if leaves_out else problems).append(f"{transcript.place}: {e}")
                except UserError as e:
                    problems.append(f"{transcript.place}: {e}")
        if left_out:
            notes.append(f"{len(left_out)} utterances are left out, the first: {left_out[0]}")
    return Listing(
        tuple(Entry(t.place, partial(_read, t, source.label_set, read_samples)) for t in found),
        tuple(problems),
        tuple(notes),
    )


def _read(
    transcript: Transcript,
    labels: LabelSet | None,
    read_samples: Callable[[Path], NDArray[np.float32]],
) -> Utterance:
    try:
        return Utterance(
            key=transcript.key,
            speaker=transcript.speaker,
            sentence=transcript.sentence,
            part=transcript.part,
            samples=read_samples(transcript.audio),
            phones=transcript.symbols,
            times=transcript.times,
            text=transcript.text,
            labels=labels,
        )
    except UserError as e:
        raise UserError(f"{transcript.place}: {e}") from e


def corpus_of(listing: Listing, root: Path, *, keep_sa: bool) -> Corpus:
    """Read the utterances of a listing without problems.

    Args:
        listing: the listing.
        root: its folder, for messages.
        keep_sa: keep utterances that are never trained on.

    Raises:
        UserError: if the listing has a problem or nothing is left, or a file breaks a rule.
    """
    if listing.problems:
        raise UserError(f"{listing.problems[0]}; such problems in all: {len(listing.problems)}")
    wanted = [entry for entry in listing.entries if keep_sa or not entry.never_trained]
    if not wanted:
        has = "only SA sentences, which the benchmark removes" if listing.entries else "no sentence"
        raise UserError(f"corpus folder {root} has {has}; give the folder of the whole corpus")
    return Corpus(tuple(sorted((entry.read() for entry in wanted), key=lambda u: u.key)))
