"""Reader of a manifest: one file that lists recordings, speakers and transcripts."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, StringConstraints, ValidationError, model_validator

from graph_encoding.common.errors import UserError
from graph_encoding.common.toml_config import rule_and_value
from train_benchmark.corpora.layouts.audio_files import read_audio
from train_benchmark.corpora.layouts.listing import Findings, Listing, Transcript, listing_of
from train_benchmark.corpora.layouts.source import CorpusSource
from train_benchmark.corpora.text_files import read_lines
from train_benchmark.strict_config import StrictConfig

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

NAMES = ("manifest.tsv", "manifest.jsonl")
"""File names of manifests in a folder."""

_INTERVAL = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")

_Word = Annotated[str, StringConstraints(pattern=r"^\S+$")]


class _Row(StrictConfig):
    """One line; missing keys are empty.

    Attributes:
        audio: path relative to the manifest.
        speaker: name of the speaker.
        text: the words, instead of phones.
        phones: the symbols.
        part: the corpus's own part, such as "train".
        times: first sample and end sample of each phone.
    """

    audio: str = Field(min_length=1)
    speaker: _Word
    text: str = ""
    phones: tuple[_Word, ...] = ()
    part: str = ""
    times: tuple[tuple[int, int], ...] = ()

    @model_validator(mode="after")
    def _one_transcript(self) -> "_Row":
        if bool(self.text.strip()) == bool(self.phones):
            raise ValueError("a line must have either a text or phones")
        if self.times and not self.phones:
            raise ValueError("times must go with phones, but there is a text")
        if PurePosixPath(self.audio).is_absolute():
            raise ValueError(f"audio must be relative to the manifest, but is {self.audio!r}")
        return self


def list_manifest(root: Path, source: CorpusSource, parts: frozenset[str] | None) -> Listing:
    """List the utterances of a manifest.

    Args:
        root: the manifest, or the folder of `manifest.tsv` or `manifest.jsonl`.
        source: how texts become symbols, and the label set of phones.
        parts: values of `part` to read; None for all lines.

    Raises:
        UserError: if the manifest is missing or unreadable, or none of its lines is faulty and
            none is of a given part.
    """
    file = _manifest_file(root)
    findings = Findings()
    present = set()
    listed = False
    for number, row in _rows(file, findings):
        listed = True
        present.add(row.part)
        if parts is None or row.part in parts:
            _add(file, number, row, findings)
    missing = sorted((parts or frozenset()) - present)
    if not listed and not findings.problems:
        raise UserError(f"manifest {file} must have at least one line, but has none")
    # Faulty lines may be those of the part: they are reported instead.
    if missing and not findings.problems:
        raise UserError(
            f"manifest {file} must have lines of part {', '.join(missing)}, but its parts are "
            f"{sorted(present)}"
        )
    return listing_of(findings, file.parent, source, read_audio)


def _add(file: Path, number: int, row: _Row, findings: Findings) -> None:
    place = f"{file}, line {number}"
    audio = file.parent / row.audio
    try:
        exists = audio.is_file()
    except OSError as e:
        findings.problems.append(f"{place}: cannot read audio {audio}: {e.strerror}")
        return
    if not exists:
        findings.problems.append(f"{place}: audio {audio} does not exist")
        return
    sentence = str(PurePosixPath(row.audio).with_suffix(""))
    findings.transcripts.append(
        Transcript(
            place,
            audio,
            f"{row.speaker}/{sentence}",
            row.speaker,
            sentence,
            row.part or None,
            row.text.strip(),
            row.phones,
            row.times,
        )
    )


def _manifest_file(root: Path) -> Path:
    if root.is_file():
        return root
    found = [root / name for name in NAMES if (root / name).is_file()]
    if len(found) != 1:
        raise UserError(
            f"corpus {root} must be a manifest, or a folder with one of {' and '.join(NAMES)}, but "
            f"{'has both' if found else 'is neither'}; give the file"
        )
    return found[0]


def _rows(file: Path, findings: Findings) -> Iterator[tuple[int, _Row]]:
    """(line number, values) of each valid line."""
    lines = enumerate(read_lines(file, "manifest"), start=1)
    numbered = [(number, line) for number, line in lines if line.strip()]
    columns: tuple[str, ...] = ()
    if file.suffix != ".jsonl":
        columns = _tsv_header(file, numbered)
        numbered = numbered[1:]
    for number, line in numbered:
        try:
            # Strict validation of JSON accepts arrays as tuples, and no strings as numbers.
            values = json.dumps(_tsv_values(columns, line)) if columns else line
            row = _Row.model_validate_json(values, strict=True)
        except ValidationError as e:
            findings.problems += [f"{file}, line {number}: {_rule(error)}" for error in e.errors()]
        except ValueError as e:
            findings.problems.append(f"{file}, line {number}: {e}")
        else:
            yield number, row


def _rule(error: "ErrorDetails") -> str:
    place = ".".join(map(str, error["loc"]))
    return f"{place}: {rule_and_value(error)}" if place else rule_and_value(error)


def _tsv_header(file: Path, numbered: Sequence[tuple[int, str]]) -> tuple[str, ...]:
    """Names of the columns.

    Raises:
        UserError: if one is unknown, repeated or missing.
    """
    columns = tuple(numbered[0][1].split("\t")) if numbered else ()
    known = tuple(_Row.model_fields)
    transcripts = {"text", "phones"} & set(columns)
    sound = {"audio", "speaker"} <= set(columns) <= set(known) and transcripts
    if not sound or len(set(columns)) != len(columns):
        raise UserError(
            f"manifest {file} must begin with a line of tab-separated column names: audio, "
            f"speaker, text or phones, and if wanted part and times, but begins with "
            f"{' '.join(columns)[:80]!r}"
        )
    return columns


def _tsv_values(columns: tuple[str, ...], line: str) -> dict[str, Any]:
    fields = line.split("\t")
    if len(fields) != len(columns):
        raise ValueError(f"must have {len(columns)} tab-separated fields, but has {len(fields)}")
    values: dict[str, Any] = dict(zip(columns, fields, strict=True))
    if "phones" in values:
        values["phones"] = values["phones"].split()
    if "times" in values:
        values["times"] = [_interval(word) for word in values["times"].split()]
    return values


def _interval(word: str) -> tuple[int, int]:
    match = _INTERVAL.fullmatch(word)
    if match is None:
        raise ValueError(f"times must be FIRST-END FIRST-END ... in samples, but has {word!r}")
    return int(match[1]), int(match[2])
