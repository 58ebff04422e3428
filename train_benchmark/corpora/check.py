"""A look at every file of a corpus: what it holds, and all that is wrong with it."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graph_encoding.errors import UserError
from graph_encoding.macro import PAPER_MACRO
from train_benchmark.corpora.audio_files import SAMPLE_RATE_HZ
from train_benchmark.corpora.timit import (
    SA_SENTENCES,
    Corpus,
    Utterance,
    find_files,
    read_utterance,
)
from train_benchmark.phones import fold_to_48

_TIMIT_SENTENCE = re.compile(r"(sa|si|sx)[0-9]+")


@dataclass(frozen=True)
class CorpusReport:
    """What a corpus holds; the SA sentences count too, but for the fingerprint.

    Attributes:
        speakers: distinct speakers.
        utterances: readable utterances.
        seconds: their length in all.
        sentences: distinct sentences: TIMIT has some read by several speakers.
        phones: their phones in all.
        phone_counts: label -> how often.
        fingerprint: sha256 of what is trained on, the same that campaigns and tables have; None
            if anything is wrong, or there are SA sentences only.
        problems: one message for each file that breaks a rule, or that nothing can be learnt of.
        notes: what is sound, but often a mistake in the names of files and folders.
    """

    speakers: int
    utterances: int
    seconds: float
    sentences: int
    phones: int
    phone_counts: dict[str, int]
    fingerprint: str | None
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def check_corpus(root: Path) -> CorpusReport:
    """Read every utterance and gather all problems instead of stopping at the first.

    Raises:
        UserError: if the folder is no corpus at all: it does not exist or has no transcript.
    """
    found = find_files(root)
    problems = list(found.problems)
    utterances = []
    first_with: dict[str, Path] = {}
    for audio, transcript in found.pairs:
        try:
            utterance = read_utterance(audio, transcript, root)
        except UserError as e:
            problems.append(str(e))
            continue
        if utterance.key in first_with:
            problems.append(
                f"{audio} is utterance {utterance.key}, as is {first_with[utterance.key]}; "
                "remove one"
            )
            continue
        problems += _untrainable(utterance)
        first_with[utterance.key] = audio
        utterances.append(utterance)
    counts = Counter(phone for u in utterances for phone in u.phones)
    fingerprint = None
    trained_on = [u for u in utterances if u.sentence not in SA_SENTENCES]
    if trained_on and not problems:
        fingerprint = Corpus(tuple(sorted(trained_on, key=lambda u: u.key))).fingerprint
    return CorpusReport(
        speakers=len({u.speaker for u in utterances}),
        utterances=len(utterances),
        seconds=sum(len(u.samples) for u in utterances) / SAMPLE_RATE_HZ,
        sentences=len({u.sentence for u in utterances}),
        phones=sum(counts.values()),
        phone_counts=dict(sorted(counts.items())),
        fingerprint=fingerprint,
        problems=tuple(problems),
        notes=tuple(_notes(utterances)),
    )


def _notes(utterances: Sequence[Utterance]) -> list[str]:
    """What the names of a corpus leave open."""
    found = []
    speakers = sorted({u.speaker for u in utterances})
    if len(speakers) == 1:
        found.append(
            f"all utterances are of one speaker, {speakers[0]!r}, the name of the folder of their "
            "files: such a corpus cannot be split by speaker"
        )
    others = sorted({u.sentence for u in utterances if not _TIMIT_SENTENCE.fullmatch(u.sentence)})
    if others:
        found.append(
            f"{len(others)} sentences, such as {others[0]!r}, are not named as TIMIT's (sa, si or "
            "sx and a number): only sentences named sa1 and sa2 are removed before training"
        )
    return found


def _untrainable(utterance: Utterance) -> list[str]:
    """Why a sound utterance cannot be trained on, in any network of the paper's frames."""
    found = []
    frame_samples = round(PAPER_MACRO.frame_length_s * SAMPLE_RATE_HZ)
    if len(utterance.samples) < frame_samples:
        found.append(
            f"utterance {utterance.key} must have at least {frame_samples} samples, one frame of "
            f"features, but has {len(utterance.samples)}; remove it"
        )
    if not fold_to_48(utterance.phones):
        found.append(
            f"utterance {utterance.key} must have a phone to recognise, but has only glottal "
            "stops (q), which are not; remove it"
        )
    return found
