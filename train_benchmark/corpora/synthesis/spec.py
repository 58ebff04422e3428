"""The specification of a synthetic corpus."""

from typing import Self

from pydantic import Field, model_validator

from train_benchmark.corpora.symbols.espeak_phones import ACCENTS
from train_benchmark.corpora.synthesis.sentences import MAX_WORDS
from train_benchmark.strict_config import StrictConfig


class SyntheticConfig(StrictConfig):
    """Specification of a synthetic corpus; equal specifications give equal files.

    Attributes:
        speakers: number of speakers, a multiple of the accents; the sex alternates every eight.
        sentences_per_speaker: number of sentences per voice.
        words_min: least words of a sentence.
        words_max: most words of a sentence.
        snr_db_min: least signal-to-noise ratio, in dB.
        snr_db_max: greatest signal-to-noise ratio, in dB.
        seed: seed of voices, sentences and noise.
    """

    speakers: int = Field(ge=len(ACCENTS), multiple_of=len(ACCENTS))
    sentences_per_speaker: int = Field(ge=1)
    words_min: int = Field(ge=1)
    words_max: int = Field(le=MAX_WORDS)
    snr_db_min: float
    snr_db_max: float
    seed: int = Field(ge=0)

    @model_validator(mode="after")
    def _least_before_most(self) -> Self:
        for least, most in (("words_min", "words_max"), ("snr_db_min", "snr_db_max")):
            low, high = getattr(self, least), getattr(self, most)
            if low > high:
                raise ValueError(f"{least} <= {most} must hold, but they are {low} and {high}")
        return self
