"""Check of every file of a corpus: statistics, and all problems."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graph_encoding.common.errors import UserError
from graph_encoding.macro import PAPER_MACRO
from train_benchmark.corpora.config import CorpusConfig
from train_benchmark.corpora.layouts.audio_files import SAMPLE_RATE_HZ
from train_benchmark.corpora.layouts.read_corpus import TIMIT_SOURCE, list_corpus
from train_benchmark.corpora.layouts.source import CorpusSource
from train_benchmark.corpora.layouts.utterance import Corpus, Utterance
from train_benchmark.corpora.splits import split_corpus


@dataclass(frozen=True)
class CorpusReport:
    """Statistics and problems of a corpus, including TIMIT's SA sentences.

    Attributes:
        speakers: distinct speakers.
        utterances: readable utterances.
        seconds: their total length.
        sentences: distinct sentences; several speakers may read one.
        phones: total number of their phones, or other symbols.
        phone_counts: symbol -> number of occurrences.
        label_set: name of the label set; None if the configuration does not declare it.
        fingerprint: sha256 of the corpus as in campaigns and tables, without SA sentences unless
            the configuration scores them; None if there is a problem, or nothing else than them.
        problems: one message per file or line that breaks a rule or cannot be trained on.
        notes: valid, but often unintended findings.
        parts: number of training, validation and test utterances; None without a split.
    """

    speakers: int
    utterances: int
    seconds: float
    sentences: int
    phones: int
    phone_counts: dict[str, int]
    label_set: str | None
    fingerprint: str | None
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    parts: dict[str, int] | None


def check_corpus(root: Path, source: CorpusSource = TIMIT_SOURCE) -> CorpusReport:
    """Read every utterance and collect all problems.

    Args:
        root: folder of the corpus, or the file of a manifest.
        source: how its files are read; the split of a `CorpusConfig` is checked too.

    Raises:
        UserError: if the folder does not exist or has no transcript.
    """
    config = source if isinstance(source, CorpusConfig) else None
    listing = list_corpus(root, source, config.parts if config else None)
    problems = list(listing.problems)
    utterances: list[Utterance] = []
    used: list[Utterance] = []
    first_with: dict[str, str] = {}
    for entry in listing.entries:
        try:
            utterance = entry.read()
        except UserError as e:
            problems.append(str(e))
            continue
        if utterance.key in first_with:
            problems.append(
                f"{entry.place} is utterance {utterance.key}, as is {first_with[utterance.key]}; "
                "remove one"
            )
            continue
        problems += _untrainable(utterance)
        first_with[utterance.key] = entry.place
        utterances.append(utterance)
        if not entry.never_trained or (config and config.score_sa):
            used.append(utterance)
    counts = Counter(phone for u in utterances for phone in u.phones)
    fingerprint, sizes = None, None
    if used and not problems:
        corpus = Corpus(tuple(sorted(used, key=lambda u: u.key)))
        fingerprint = corpus.fingerprint
        try:
            sizes = _part_sizes(corpus, config) if config else None
        except UserError as e:
            problems.append(str(e))
    return CorpusReport(
        speakers=len({u.speaker for u in utterances}),
        utterances=len(utterances),
        seconds=sum(len(u.samples) for u in utterances) / SAMPLE_RATE_HZ,
        sentences=len({u.sentence for u in utterances}),
        phones=sum(counts.values()),
        phone_counts=dict(sorted(counts.items())),
        label_set=None if source.label_set is None else source.label_set.name,
        fingerprint=fingerprint,
        problems=tuple(problems),
        notes=(*(() if sizes else _notes(utterances)), *listing.notes),
        parts=sizes,
    )


def _part_sizes(corpus: Corpus, config: CorpusConfig) -> dict[str, int]:
    return {name: len(part) for name, part in split_corpus(corpus, config)._asdict().items()}


def _notes(utterances: Sequence[Utterance]) -> list[str]:
    """Notes on a valid corpus."""
    speakers = {u.speaker for u in utterances}
    if len(speakers) != 1:
        return []
    message = (
        f"all utterances are of one speaker, {min(speakers)!r}: such a corpus cannot be split by "
        "speaker"
    )
    return [message]


def _untrainable(utterance: Utterance) -> list[str]:
    """Reasons why a valid utterance cannot be trained on, with the paper's frames."""
    found = []
    frame_samples = round(PAPER_MACRO.frame_length_s * SAMPLE_RATE_HZ)
    if len(utterance.samples) < frame_samples:
        found.append(
            f"utterance {utterance.key} must have at least {frame_samples} samples, one frame of "
            f"features, but has {len(utterance.samples)}; remove it"
        )
    if utterance.labels is not None and not utterance.labels.fold(utterance.phones):
        left_out = " ".join(sorted(set(utterance.phones)))
        found.append(
            f"utterance {utterance.key} must have a phone to recognise, but has only symbols that "
            f"label set {utterance.labels.name!r} leaves out ({left_out}); remove it"
        )
    return found
