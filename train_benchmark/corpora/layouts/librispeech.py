"""Reader of LibriSpeech's layout: SUBSET/SPEAKER/CHAPTER with FLAC files and a transcript."""

import re
from pathlib import Path
from typing import NamedTuple

from graph_encoding.common.errors import UserError
from train_benchmark.corpora.layouts.audio_files import read_audio
from train_benchmark.corpora.layouts.folders import check_folder, files_below
from train_benchmark.corpora.layouts.listing import Findings, Listing, Transcript, listing_of
from train_benchmark.corpora.layouts.source import CorpusSource
from train_benchmark.corpora.text_files import read_lines

_AUDIO = ".flac"
_TRANSCRIPT = ".trans.txt"

_OUTER_FOLDER = "LibriSpeech"
_UTTERANCE = re.compile(r"([0-9]+)-([0-9]+)-[0-9]+")


def list_librispeech(root: Path, source: CorpusSource, parts: frozenset[str] | None) -> Listing:
    """List the utterances of LibriSpeech, or of a corpus in its layout.

    Args:
        root: folder of the subsets, or its parent, with `LibriSpeech` in it.
        source: how texts become symbols.
        parts: names of the subsets to read, such as "train-clean-100"; None for all.

    Raises:
        UserError: if the folder does not exist or cannot be read, or a subset has no recording.
    """
    remedy = "give the folder of LibriSpeech's subsets"
    check_folder(root, remedy)
    folder = root / _OUTER_FOLDER if (root / _OUTER_FOLDER).is_dir() else root
    check_folder(folder, remedy)
    subsets = {p.name: _files_of(p) for p in sorted(folder.iterdir()) if p.is_dir()}
    present = [name for name, subset in subsets.items() if subset.chapters or subset.problems]
    missing = sorted((parts or frozenset()) - set(present))
    if missing or not present:
        wanted = ", ".join(missing) if missing else "a subset"
        raise UserError(
            f"corpus folder {folder} must have {wanted} with SPEAKER/CHAPTER/*.trans.txt, but has "
            f"{', '.join(present) or 'none'}; {remedy}"
        )
    findings = Findings()
    for name in present:
        if parts is None or name in parts:
            _read_subset(folder / name, subsets[name], findings)
    return listing_of(findings, root, source, read_audio)


class _Subset(NamedTuple):
    """Files of a subset.

    Attributes:
        chapters: names of the recordings and transcripts, by folder; usually SPEAKER/CHAPTER.
        problems: one message per folder that cannot be read.
    """

    chapters: dict[Path, set[str]]
    problems: list[str]


def _files_of(subset: Path) -> _Subset:
    found = _Subset({}, [])
    for file in files_below(subset, found.problems):
        if file.name.endswith((_AUDIO, _TRANSCRIPT)):
            found.chapters.setdefault(file.parent, set()).add(file.name)
    return found


def _read_subset(folder: Path, subset: _Subset, findings: Findings) -> None:
    """Add the utterances of all chapters, and a problem for each that is not one."""
    findings.problems += subset.problems
    for chapter, names in sorted(subset.chapters.items()):
        transcripts = sorted(name for name in names if name.endswith(_TRANSCRIPT))
        if len(chapter.relative_to(folder).parts) != 2:
            findings.problems.append(
                f"recordings must lie in {folder.name}/SPEAKER/CHAPTER, but {chapter} has "
                f"{len(names)} files, such as {min(names)}; move them"
            )
            continue
        if not transcripts:
            findings.problems.append(
                f"a chapter must have a transcript, but {chapter} has {len(names)} {_AUDIO} files "
                f"and no *{_TRANSCRIPT}; copy it again, or remove the folder"
            )
        for name in transcripts:
            _read_transcript(chapter / name, folder.name, names, findings)


def _read_transcript(file: Path, subset: str, there: set[str], findings: Findings) -> None:
    """Add the lines of one chapter's transcript; `there` are the names of the chapter's files."""
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
        audio = file.with_name(f"{name}{_AUDIO}")
        if audio.name not in there:
            findings.problems.append(f"{place} needs {audio.name} in its folder, but it is missing")
            continue
        findings.transcripts.append(
            Transcript(place, audio, f"{speaker}/{name}", speaker, name, subset, text.strip())
        )
    extra = sorted(there - {f"{name}{_AUDIO}" for name in listed})
    findings.problems += [
        f"{file.parent / name} has no line in {file.name}"
        for name in extra
        if name.endswith(_AUDIO)
    ]
