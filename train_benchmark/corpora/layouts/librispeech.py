"""Reader of LibriSpeech's layout: SUBSET/SPEAKER/CHAPTER with FLAC files and a transcript."""

import re
from pathlib import Path

from graph_encoding.common.errors import UserError
from train_benchmark.corpora.layouts.audio_files import read_audio
from train_benchmark.corpora.layouts.listing import Findings, Listing, Transcript, listing_of
from train_benchmark.corpora.layouts.source import CorpusSource
from train_benchmark.corpora.text_files import read_lines

_TRANSCRIPTS = "*/*/*.trans.txt"
"""Below a subset: SPEAKER/CHAPTER/SPEAKER-CHAPTER.trans.txt."""

_OUTER_FOLDER = "LibriSpeech"
_UTTERANCE = re.compile(r"([0-9]+)-([0-9]+)-[0-9]+")


def list_librispeech(root: Path, source: CorpusSource, parts: frozenset[str] | None) -> Listing:
    """List the utterances of LibriSpeech, or of a corpus in its layout.

    Args:
        root: folder of the subsets, or its parent, with `LibriSpeech` in it.
        source: how texts become symbols.
        parts: names of the subsets to read, such as "train-clean-100"; None for all.

    Raises:
        UserError: if the folder does not exist, or a subset has no transcript.
    """
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise UserError(f"corpus folder {root} {what}; give the folder of LibriSpeech's subsets")
    folder = root / _OUTER_FOLDER if (root / _OUTER_FOLDER).is_dir() else root
    subsets = sorted(p for p in folder.iterdir() if p.is_dir() and any(p.glob(_TRANSCRIPTS)))
    present = {subset.name for subset in subsets}
    missing = sorted((parts or frozenset()) - present)
    if missing or not subsets:
        wanted = ", ".join(missing) if missing else "a subset"
        raise UserError(
            f"corpus folder {folder} must have {wanted} with SPEAKER/CHAPTER/*.trans.txt, but has "
            f"{', '.join(sorted(present)) or 'none'}; give the folder of LibriSpeech's subsets"
        )
    findings = Findings()
    for subset in subsets:
        if parts is None or subset.name in parts:
            for file in sorted(subset.glob(_TRANSCRIPTS)):
                _read_transcript(file, subset.name, findings)
    return listing_of(findings, root, source, read_audio)


def _read_transcript(file: Path, subset: str, findings: Findings) -> None:
    """Add the lines of one chapter's transcript."""
    try:
        lines = read_lines(file, "transcript")
    except UserError as e:
        findings.problems.append(str(e))
        return
    listed = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{file}, line {number}"
        name, _, text = line.strip().partition(" ")
        speaker = file.parent.parent.name
        match = _UTTERANCE.fullmatch(name)
        if match is None or match.groups() != (speaker, file.parent.name) or not text.strip():
            findings.problems.append(
                f"{place} must be '{speaker}-{file.parent.name}-NUMBER TEXT', but is {line!r}"
            )
            continue
        if name in listed:
            findings.problems.append(f"{place} has utterance {name} a second time; remove one")
            continue
        listed.add(name)
        audio = file.with_name(f"{name}.flac")
        if not audio.is_file():
            findings.problems.append(f"{place} needs {audio.name} in its folder, but it is missing")
            continue
        findings.transcripts.append(
            Transcript(place, audio, f"{speaker}/{name}", speaker, name, subset, text.strip())
        )
    extra = sorted(audio for audio in file.parent.glob("*.flac") if audio.stem not in listed)
    findings.problems += [f"{audio} has no line in {file.name}" for audio in extra]
