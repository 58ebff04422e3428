"""Synthetic speech in TIMIT's layout, as a replacement of TIMIT."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from graph_encoding.common.atomic_files import atomic_folder
from graph_encoding.common.errors import UserError
from train_benchmark.corpora.layouts.audio_files import SAMPLE_RATE_HZ
from train_benchmark.corpora.symbols.espeak import Espeak, Speech
from train_benchmark.corpora.symbols.espeak_phones import ACCENTS, Segment, timit_segments
from train_benchmark.corpora.synthesis.sentences import make_sentence
from train_benchmark.corpora.synthesis.spec import SyntheticConfig

_VARIANTS = {
    "f": ("f1", "f2", "f3", "f4", "f5", "linda", "anika", "belinda", "steph", "aunty"),
    "m": ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "adam", "david", "john", "rob"),
}
_PITCH = (25, 75)
_WORDS_PER_MINUTE = (130, 200)
_SILENCE_S = (0.08, 0.2)
_PEAK = (0.2, 0.7)
_SHORTEST_PHONE = 64
"""In samples, 4 ms: espeak-ng may report two phonemes at one sample."""

_VOICELESS_CLOSURES = frozenset({"pcl", "tcl", "kcl"})
_SHORTEST_CLOSURE_S = 0.02
"""Shorter silences are artefacts of espeak-ng, up to 15 ms before any fricative."""
_SILENT = 2
"""Largest 16-bit sample that counts as silence: espeak-ng's closures are digital silence."""


@dataclass(frozen=True)
class Speaker:
    """A voice of the corpus.

    Attributes:
        name: such as "faab0"; the first letter is the sex.
        sex: "f" or "m".
        region: dialect region, 1 .. 8.
        part: tree of the speaker.
    """

    name: str
    sex: Literal["f", "m"]
    region: int
    part: Literal["TRAIN", "TEST"]


def speakers_of(spec: SyntheticConfig) -> tuple[Speaker, ...]:
    """The speakers: all accents equally often, a quarter of each eight in TEST."""
    found = []
    for i in range(spec.speakers):
        eight, region = divmod(i, len(ACCENTS))
        sex: Literal["f", "m"] = "f" if eight % 2 == 0 else "m"
        letters = "".join(chr(ord("a") + i // 26**place % 26) for place in (2, 1, 0))
        # A diagonal, so that every accent is in both trees.
        part: Literal["TRAIN", "TEST"] = "TEST" if (region + eight) % 4 == 3 else "TRAIN"
        found.append(Speaker(f"{sex}{letters}0", sex, region + 1, part))
    return tuple(found)


def make_corpus(
    spec: SyntheticConfig, out: Path, progress: Callable[[int, int], None] | None = None
) -> None:
    """Synthesise a corpus into a new folder, atomically.

    Args:
        spec: the specification.
        out: folder that does not exist yet.
        progress: called with (finished utterances, all utterances).

    Raises:
        UserError: if the folder exists or cannot be written.
        MissingExtraError: if espeak-ng is not installed.
    """
    if out.exists():
        raise UserError(f"corpus folder {out} exists; choose another or remove it")
    total = spec.speakers * spec.sentences_per_speaker
    with Espeak() as espeak:
        try:
            with atomic_folder(out) as scratch:
                for done, _ in enumerate(_write_utterances(spec, espeak, scratch), start=1):
                    if progress:
                        progress(done, total)
        # libsndfile raises its own error if the disk is full.
        except (OSError, soundfile.LibsndfileError) as e:
            raise UserError(f"cannot write corpus folder {out}: {e}; choose another --out") from e


def _write_utterances(spec: SyntheticConfig, espeak: Espeak, root: Path) -> Iterator[None]:
    for number, speaker in enumerate(speakers_of(spec)):
        rng = np.random.default_rng([spec.seed, number])
        accent = ACCENTS[speaker.region - 1]
        variant = str(rng.choice(_VARIANTS[speaker.sex]))
        pitch = int(rng.integers(*_PITCH))
        rate = int(rng.integers(*_WORDS_PER_MINUTE))
        folder = root / speaker.part / f"DR{speaker.region}" / speaker.name.upper()
        folder.mkdir(parents=True)
        for sentence in range(spec.sentences_per_speaker):
            words = int(rng.integers(spec.words_min, spec.words_max + 1))
            text = make_sentence(words, rng)
            espeak.set_voice(f"{accent}+{variant}", pitch=pitch, words_per_minute=rate)
            speech = espeak.say(text)
            _write_utterance(folder / f"SX{sentence + 1}", text, speech, accent, spec, rng)
            yield


def _write_utterance(
    stem: Path,
    text: str,
    speech: Speech,
    accent: str,
    spec: SyntheticConfig,
    rng: np.random.Generator,
) -> None:
    before, after = (int(SAMPLE_RATE_HZ * rng.uniform(*_SILENCE_S)) for _ in range(2))
    voice = _resample(speech)
    ratio = SAMPLE_RATE_HZ / speech.sample_rate_hz
    segments = _with_silent_closures(
        timit_segments(speech.phonemes, len(speech.samples), accent), speech
    )
    edges = [before + round(start * ratio) for start, _, _ in segments]
    edges.append(before + round(segments[-1][1] * ratio))
    for i in range(1, len(edges)):
        edges[i] = max(edges[i], edges[i - 1] + _SHORTEST_PHONE)
    samples = np.zeros(max(before + len(voice) + after, edges[-1] + after))
    samples[before : before + len(voice)] = voice
    samples = _add_noise(samples, rng.uniform(spec.snr_db_min, spec.snr_db_max), rng)
    samples *= rng.uniform(*_PEAK) / np.abs(samples).max()
    soundfile.write(stem.with_suffix(".WAV"), samples, SAMPLE_RATE_HZ, subtype="PCM_16")
    phones = [(0, edges[0], "h#")]
    phones += zip(edges[:-1], edges[1:], (label for _, _, label in segments), strict=True)
    phones.append((edges[-1], len(samples), "h#"))
    _write_lines(stem.with_suffix(".PHN"), phones)
    word_edges = [min(before + round(start * ratio), edges[-1] - 1) for start in speech.words]
    ends = [*word_edges[1:], edges[-1]]
    _write_lines(stem.with_suffix(".WRD"), list(zip(word_edges, ends, text.split(), strict=False)))
    _write_lines(stem.with_suffix(".TXT"), [(0, len(samples), text)])


def _with_silent_closures(segments: list[Segment], speech: Speech) -> list[Segment]:
    """Move the closures of voiceless stops to the silences.

    espeak-ng reports such a stop at its burst; its closure is the silence at the end of the phone
    before. Without such a silence (after s, for example), the proportional split remains.
    """
    loud = np.flatnonzero(np.abs(speech.samples.astype(np.int32)) > _SILENT)
    shortest = _SHORTEST_CLOSURE_S * speech.sample_rate_hz
    moved = list(segments)
    for i, (burst, _, label) in enumerate(segments):
        if label not in _VOICELESS_CLOSURES:
            continue
        heard = int(np.searchsorted(loud, burst))
        closure = float(loud[heard - 1] + 1) if heard else 0.0
        if i:
            closure = max(closure, moved[i - 1][0] + shortest)  # the phone before must not vanish
        if burst - closure < shortest:
            continue
        if i:
            moved[i - 1] = (moved[i - 1][0], closure, moved[i - 1][2])
        moved[i] = (closure, burst, label)
        moved[i + 1] = (burst, *moved[i + 1][1:])
    return moved


def _write_lines(path: Path, rows: list[tuple[int, int, str]]) -> None:
    path.write_text(
        "".join(f"{start} {end} {label}\n" for start, end, label in rows), encoding="utf-8"
    )


def _resample(speech: Speech) -> NDArray[np.float64]:
    common = int(np.gcd(SAMPLE_RATE_HZ, speech.sample_rate_hz))
    voice: NDArray[np.float64] = resample_poly(
        speech.samples / 32768.0, SAMPLE_RATE_HZ // common, speech.sample_rate_hz // common
    )
    return voice


def _add_noise(
    samples: NDArray[np.float64], snr_db: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Add noise whose power decreases with frequency, like room noise."""
    spectrum = np.fft.rfft(rng.standard_normal(len(samples)))
    spectrum /= np.sqrt(np.arange(1, len(spectrum) + 1))
    noise = np.fft.irfft(spectrum, n=len(samples))
    gain = np.sqrt(np.mean(samples**2) / np.mean(noise**2)) * 10 ** (-snr_db / 20)
    noisy: NDArray[np.float64] = samples + gain * noise
    return noisy
