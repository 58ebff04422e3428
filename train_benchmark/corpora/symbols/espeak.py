"""Speech with the times of its phonemes, from the espeak-ng library."""

import ctypes
import re
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import MissingExtraError, NasasrError

_SYNCHRONOUS = 2
_PHONEME_EVENTS = 0x0001
_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_POSITION_CHARACTER = 1
_RATE, _PITCH = 1, 3
_SEPARATOR = "\x1f"
_SEPARATED = ord(_SEPARATOR) << 8
_IPA = 0x02
_STRESS = "',%=ˈˌ"
_LANGUAGE = re.compile(r"\([a-z0-9-]+\)")
"""A mark between phonemes of two languages, such as "(en)" before a foreign word."""
_EVENT_END_OF_LIST, _EVENT_WORD, _EVENT_PHONEME = 0, 1, 7


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    # Source: espeak-ng `speak_lib.h`, espeak_EVENT.
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class EspeakError(NasasrError, RuntimeError):
    """The espeak-ng library refused a call."""


def _fresh_library(path: Path) -> ctypes.CDLL:
    """Load a private copy: initialisation does not reset all state of the library."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"{secrets.token_hex(8)}-{path.name}"
        shutil.copyfile(path, copy)
        return ctypes.CDLL(str(copy))


@dataclass(frozen=True, eq=False)
class Speech:
    """Synthesised speech.

    Attributes:
        samples: (n,) int16 at `sample_rate_hz`.
        sample_rate_hz: rate of the synthesiser.
        phonemes: (first sample, mnemonic without stress marks), in time order.
        words: first sample of each word.
    """

    samples: NDArray[np.int16]
    sample_rate_hz: int
    phonemes: tuple[tuple[int, str], ...]
    words: tuple[int, ...]


class Espeak:
    """The library as one object; use it as a context manager.

    Each context starts from the library's initial state, so that equal calls give equal samples.

    Raises:
        MissingExtraError: if espeakng-loader is not installed.
        EspeakError: on entering, if the library does not start.
    """

    def __init__(self) -> None:
        self._library: Any = None
        self._rate_hz = 0
        self._samples: list[NDArray[np.int16]] = []
        self._phonemes: list[tuple[int, str]] = []
        self._words: list[int] = []
        # A reference, because ctypes does not keep a callback alive.
        self._callback = _Callback(self._receive)

    def __enter__(self) -> Self:
        try:
            import espeakng_loader
        except ModuleNotFoundError as e:
            raise MissingExtraError("espeakng-loader", "train") from e
        self._library = _fresh_library(Path(str(espeakng_loader.get_library_path())))
        self._rate_hz = self._library.espeak_Initialize(
            _SYNCHRONOUS,
            0,
            str(espeakng_loader.get_data_path()).encode(),
            _PHONEME_EVENTS | _DONT_EXIT,
        )
        if self._rate_hz <= 0:
            raise EspeakError(f"espeak_Initialize gave {self._rate_hz}; reinstall espeakng-loader")
        self._library.espeak_SetSynthCallback(self._callback)
        # The seed of noise in breath and fricatives, which is the time of day by default.
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._library.espeak_Terminate()

    def set_voice(self, name: str, *, pitch: int, words_per_minute: int) -> None:
        """Choose the voice.

        Args:
            name: an accent and a variant, such as "en-us+f2".
            pitch: 0 .. 99, 50 is the voice's own.
            words_per_minute: 80 .. 450.

        Raises:
            EspeakError: if the voice does not exist.
        """
        if self._library.espeak_SetVoiceByName(name.encode()) != 0:
            raise EspeakError(f"espeak-ng has no voice {name!r}")
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        self._library.espeak_SetParameter(_RATE, words_per_minute, 0)

    def say(self, text: str) -> Speech:
        """Speak a text with the chosen voice.

        Raises:
            EspeakError: if the library refuses.
        """
        self._samples, self._phonemes, self._words = [], [], []
        encoded = text.encode()
        status = self._library.espeak_Synth(
            encoded, len(encoded) + 1, 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None
        )
        if status != 0 or self._library.espeak_Synchronize() != 0:
            raise EspeakError(f"espeak-ng could not speak {text!r} (status {status})")
        return Speech(
            np.concatenate(self._samples),
            self._rate_hz,
            tuple(self._phonemes),
            tuple(self._words),
        )

    def phonemes(self, text: str, *, ipa: bool = False) -> tuple[tuple[str, ...], ...]:
        """Phonemes of a text in the chosen voice, without marks of stress and language.

        Args:
            text: in the voice's language; punctuation separates clauses.
            ipa: symbols of the International Phonetic Alphabet instead of espeak's mnemonics.

        Returns:
            The phonemes of each clause that is not empty.
        """
        mode = _SEPARATED | (_IPA if ipa else 0)
        # The library advances the pointer, so the buffer needs a reference of its own.
        buffer = ctypes.create_string_buffer(text.encode())
        rest = ctypes.c_void_p(ctypes.addressof(buffer))
        translate = self._library.espeak_TextToPhonemes
        translate.restype = ctypes.c_char_p
        clauses = []
        while rest.value:
            clause = translate(ctypes.byref(rest), _CHARS_UTF8, mode).decode("utf-8")
            found = (
                name.lstrip(_STRESS)
                for word in clause.split(" ")
                for name in word.split(_SEPARATOR)
            )
            clauses.append(tuple(n for n in found if n and not _LANGUAGE.fullmatch(n)))
        return tuple(clause for clause in clauses if clause)

    def _receive(self, wave: Any, count: int, events: Any) -> int:
        if wave and count > 0:
            self._samples.append(np.ctypeslib.as_array(wave, shape=(count,)).copy())
        i = 0
        while events[i].type != _EVENT_END_OF_LIST:
            event = events[i]
            if event.type == _EVENT_PHONEME:
                mnemonic = event.id.string.decode("utf-8").lstrip(_STRESS)
                self._phonemes.append((event.sample, mnemonic))
            elif event.type == _EVENT_WORD:
                self._words.append(event.sample)
            i += 1
        return 0
