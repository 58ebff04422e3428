"""Reader of Asterisk's English sound prompts: one woman, recorded in a studio."""

import gzip
import re
import zlib
from pathlib import Path

from graph_encoding.common.errors import UserError
from train_benchmark.corpora.layouts.audio_files import SAMPLE_RATE_HZ, read_g722
from train_benchmark.corpora.layouts.folders import check_folder, files_below
from train_benchmark.corpora.layouts.listing import Findings, Listing, Transcript, listing_of
from train_benchmark.corpora.layouts.source import CorpusSource
from train_benchmark.corpora.text_files import lines_of

SPEAKER = "allison"
"""Allison Smith, as the Debian package's copyright file names her."""

SECONDS = (0.6, 6.0)
"""Shortest and longest prompt that is used."""

_SUFFIX = ".g722"
_BYTES_PER_S = SAMPLE_RATE_HZ // 2
_NUMBERS = "digits"
"""Folder of numbers and month names, which are spoken as parts of a list."""
_TEXT_NAMES = ("core-sounds-en.txt", "core-sounds-en.txt.gz")
_DEBIAN_TEXT = "doc/asterisk-core-sounds-en"
"""Folder of the texts in Debian's package, relative to `share`."""
_NO_SPEECH = re.compile(r"[\[(]")
_NO_WORDS = re.compile(r"[0-9*#]")


def list_asterisk(root: Path, source: CorpusSource, parts: frozenset[str] | None) -> Listing:
    """List the prompts that are sentences: no tones or numbers, and of `SECONDS` length.

    Args:
        root: folder of the .g722 files, .../share/asterisk/sounds/en_US_f_Allison; the texts are
            in it, or in the folder of Debian's package.
        source: how texts become symbols.
        parts: must be None.

    Raises:
        UserError: if the folder cannot be read or has no such file, its texts are missing, or parts
            are given.
    """
    if parts is not None:
        raise UserError(
            "a corpus of layout 'asterisk' must be split by sentence, because it has no parts, but "
            f"got the parts {sorted(parts)}"
        )
    findings = Findings()
    audio = _recordings(root, findings)
    file = _text_file(root)
    texts = _read_texts(file, findings)
    findings.problems += [
        f"{audio[name]} has no text in {file}" for name in sorted(set(audio) - set(texts))
    ]
    silent = sorted(set(texts) - set(audio))
    if silent:
        findings.notes.append(f"{len(silent)} texts, such as {silent[0]!r}, have no recording")
    unsuitable = 0
    for name in sorted(set(audio) & set(texts)):
        number, text = texts[name]
        try:
            is_sentence = _is_sentence(name, text, audio[name])
        except OSError as e:
            findings.problems.append(f"cannot read audio {audio[name]}: {e.strerror}")
            continue
        if is_sentence:
            findings.transcripts.append(
                Transcript(
                    f"{file}, line {number}",
                    audio[name],
                    f"{SPEAKER}/{name}",
                    SPEAKER,
                    name,
                    None,
                    text,
                )
            )
        else:
            unsuitable += 1
    findings.notes.append(
        f"{unsuitable} of {len(audio)} prompts are left out: tones, numbers, shorter than "
        f"{SECONDS[0]:g} s or longer than {SECONDS[1]:g} s"
    )
    return listing_of(findings, root, source, read_g722)


def _recordings(root: Path, findings: Findings) -> dict[str, Path]:
    """Recordings by the names that the texts give them."""
    check_folder(root, "give Debian's folder sounds/en_US_f_Allison")
    files = [p for p in files_below(root, findings.problems) if p.suffix == _SUFFIX]
    if not files and findings.problems:
        raise UserError(findings.problems[0])
    if not files:
        raise UserError(
            f"corpus folder {root} has no {_SUFFIX} file below it; install Debian's "
            "asterisk-core-sounds-en-g722 and give its folder sounds/en_US_f_Allison"
        )
    return {str(p.relative_to(root).with_suffix("")): p for p in files}


def _is_sentence(name: str, text: str, audio: Path) -> bool:
    shortest, longest = SECONDS
    return (
        not name.startswith(f"{_NUMBERS}/")
        and not _NO_SPEECH.search(text)
        and not _NO_WORDS.search(text)
        and shortest <= audio.stat().st_size / _BYTES_PER_S <= longest
    )


def _text_file(root: Path) -> Path:
    # Debian's alternatives make the folder a link.
    share = root.resolve().parents[2] if len(root.resolve().parents) > 2 else root
    places = [folder / name for folder in (root, share / _DEBIAN_TEXT) for name in _TEXT_NAMES]
    for place in places:
        if place.is_file():
            return place
    raise UserError(
        f"the texts of {root} must be in one of {', '.join(map(str, places))}, but are not; "
        "install Debian's asterisk-core-sounds-en, or copy its core-sounds-en.txt.gz there"
    )


def _read_texts(file: Path, findings: Findings) -> dict[str, tuple[int, str]]:
    """Name -> (line, text) of lines `name: text`; comments begin with `;`."""
    try:
        content = file.read_bytes()
        raw = gzip.decompress(content) if file.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as e:
        raise UserError(f"cannot read texts {file}: {e}") from e
    found: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(lines_of(raw, f"texts {file}"), start=1):
        if not line.strip() or line.startswith(";"):
            continue
        name, colon, text = line.partition(":")
        if not colon or not text.strip():
            findings.problems.append(f"{file}, line {number} must be 'NAME: TEXT', but is {line!r}")
        elif name.strip() in found:
            findings.problems.append(f"{file}, line {number} has {name.strip()!r} a second time")
        else:
            found[name.strip()] = (number, text.strip())
    return found
