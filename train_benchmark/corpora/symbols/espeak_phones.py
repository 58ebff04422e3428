"""Map from espeak-ng's phonemes of eight English accents to TIMIT's 61 labels."""

from collections.abc import Sequence

from graph_encoding.common.errors import NasasrError

ACCENTS = (
    "en-us",
    "en-us-nyc",
    "en-gb-x-rp",
    "en",
    "en-gb-scotland",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-029",
)
"""espeak-ng's English accents, in the order of the dialect regions DR1 .. DR8."""

_RHOTIC = frozenset({"en-us", "en-gb-scotland"})
_AMERICAN = frozenset({"en-us", "en-us-nyc", "en-029"})

PAUSE = "_"

_ONE_TO_ONE = {
    "f": "f", "v": "v", "T": "th", "D": "dh", "s": "s", "z": "z", "S": "sh", "Z": "zh",
    "h": "hh", "m": "m", "n": "n", "N": "ng", "n-": "en", "l": "l", "@L": "el", "r": "r",
    "r-": "r", "j": "y", "w": "w", "w#": "w", "t#": "dx", "?": "q", "l#": "l", "x": "hh",
    "i:": "iy", "i": "iy", "I": "ih", "I2": "ix", "I#": "ix", "E": "eh", "a": "ae", "a#": "ax",
    "@": "ax", "@2": "ax", "V": "ah", "3": "axr", "3:": "er", "IR": "er", "VR": "er",
    "0": "aa", "O": "ao", "O2": "ao", "O:": "ao", "A:": "aa", "a:": "aa", "a#:": "aa",
    "@-": "ax", "@5": "ax", "U": "uh", "u": "uw", "u:": "uw", "aU": "aw",
    "aI": "ay", "aI2": "ay", "aI3": "ay", "eI": "ey", "OI": "oy", "oU": "ow",
}  # fmt: skip
_STOPS = {
    "p": ("pcl", "p"), "t": ("tcl", "t"), "t2": ("tcl", "t"), "t[": ("tcl", "t"),
    "k": ("kcl", "k"), "b": ("bcl", "b"), "d": ("dcl", "d"), "d[": ("dcl", "d"),
    "g": ("gcl", "g"), "tS": ("tcl", "ch"), "dZ": ("dcl", "jh"),
}  # fmt: skip
_CENTRING = {
    "A@": ("aa", ""), "O@": ("ao", ""), "o@": ("ao", ""), "e@": ("eh", "ax"),
    "i@": ("iy", "ax"), "i@3": ("ih", "ax"), "U@": ("uh", "ax"), "aI@": ("ay", "ax"),
}  # fmt: skip
"""Diphthongs towards r: (vowel, next label in a non-rhotic accent)."""

_MARKS = frozenset({"", ";", "-", ":"})
"""Palatalisation and length marks, which belong to the phone before."""

_VOWELS = frozenset("aa ae ah ao aw ax ax-h axr ay eh er ey ih ix iy ow oy uh uw ux el en".split())
_VOICELESS = frozenset("p t k ch f th s sh hh pcl tcl kcl".split())
_FRONTING = frozenset("t d n s z y l ch jh sh".split())

_CLOSURE_SHARE = 0.6
"""Share of the closure in a stop: TIMIT's closures are about 1.5 times as long as bursts."""

Segment = tuple[float, float, str]


class UnmappedPhonemeError(NasasrError, KeyError):
    """A phoneme of espeak-ng without a TIMIT label."""


def timit_segments(phonemes: Sequence[tuple[int, str]], end: int, accent: str) -> list[Segment]:
    """TIMIT phones of synthesised speech, with times.

    Stops and affricates are split into closure and burst. Context decides TIMIT's variants: voiced
    h between vowels, fronted u, flapped n, whispered schwa.

    Args:
        phonemes: (first sample, mnemonic) in time order.
        end: number of samples.
        accent: one of `ACCENTS`.

    Returns:
        (start, end, label) in samples, without silence at the ends.

    Raises:
        UnmappedPhonemeError: if a phoneme is not in the map.
    """
    starts = [start for start, _ in phonemes]
    segments: list[Segment] = []
    for (start, mnemonic), stop in zip(phonemes, [*starts[1:], end], strict=True):
        if mnemonic in _MARKS:
            if segments:
                before = segments.pop()
                segments.append((before[0], stop, before[2]))
            continue
        labels = _labels_of(mnemonic, accent)
        shares = _shares_of(labels, mnemonic)
        position = float(start)
        for label, share in zip(labels, shares, strict=True):
            following = position + share * (stop - start)
            segments.append((position, following, label))
            position = following
    while segments and segments[-1][2] == "pau":
        segments.pop()
    while segments and segments[0][2] == "pau":
        segments.pop(0)
    return _with_context(segments, accent)


def timit_labels(phonemes: Sequence[str], accent: str) -> tuple[str, ...]:
    """TIMIT's labels of phonemes without times, with variants by context.

    Raises:
        UnmappedPhonemeError: if a phoneme is not in the map.

    >>> timit_labels(["t", "u:"], "en-us")
    ('tcl', 't', 'ux')
    """
    timed = list(enumerate(phonemes))
    return tuple(label for _, _, label in timit_segments(timed, len(timed), accent))


def _labels_of(mnemonic: str, accent: str) -> tuple[str, ...]:
    if mnemonic.startswith(PAUSE):
        return ("pau",)
    if mnemonic == "aa":  # the vowel of "bath"
        return ("ae",) if accent in _AMERICAN else ("aa",)
    if mnemonic in _ONE_TO_ONE:
        return (_ONE_TO_ONE[mnemonic],)
    if mnemonic in _STOPS:
        return _STOPS[mnemonic]
    if mnemonic in _CENTRING:
        vowel, schwa = _CENTRING[mnemonic]
        glide = ("axr" if schwa else "r") if accent in _RHOTIC else schwa
        return (vowel, glide) if glide else (vowel,)
    raise UnmappedPhonemeError(
        f"espeak-ng's phoneme {mnemonic!r} of accent {accent!r} has no TIMIT label; add it to "
        "train_benchmark/corpora/symbols/espeak_phones.py"
    )


def _shares_of(labels: tuple[str, ...], mnemonic: str) -> tuple[float, ...]:
    if len(labels) == 1:
        return (1.0,)
    first = _CLOSURE_SHARE if mnemonic in _STOPS else 0.7
    return (first, 1.0 - first)


def _with_context(segments: list[Segment], accent: str) -> list[Segment]:
    labels = ["h#", *(label for _, _, label in segments), "h#"]
    found = []
    for i, (start, end, label) in enumerate(segments, start=1):
        before, after = labels[i - 1], labels[i + 1]
        between_vowels = before in _VOWELS and after in _VOWELS
        changed = label
        if label == "hh" and between_vowels:
            changed = "hv"
        elif label == "uw" and before in _FRONTING:
            changed = "ux"
        elif label == "n" and between_vowels and accent in _AMERICAN and after in ("ax", "ix"):
            changed = "nx"
        elif label == "ax" and before in _VOICELESS and after in _VOICELESS:
            changed = "ax-h"
        found.append((start, end, changed))
    return found
