"""The recipe of a training: all that decides a record but the cell, the seed and the corpus."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from graph_encoding.macro import MACROS, Macro
from graph_encoding.semantics import Semantics
from graph_encoding.toml_config import load_config
from train_benchmark.corpora.espeak_phones import ACCENTS
from train_benchmark.corpora.sentences import MAX_WORDS
from train_benchmark.record import content_hash
from train_benchmark.strict_config import MacroName, StrictConfig


class SplitConfig(StrictConfig):
    """Who speaks in which part; the parts share no speaker.

    `train = ["*"]` means every speaker of the corpus's training part that no list names.
    """

    train: tuple[str, ...] = Field(min_length=1)
    val: tuple[str, ...] = Field(min_length=1)
    test: tuple[str, ...] = Field(min_length=1)


class SyntheticConfig(StrictConfig):
    """What a synthetic corpus is made of; equal ones give equal bytes.

    Attributes:
        speakers: as many of each accent. Sexes change from eight to eight.
        sentences_per_speaker: of each voice.
        words_min: words of the shortest sentences.
        words_max: words of the longest ones.
        snr_db_min: signal-to-noise ratio of the noisiest sentences, in dB.
        snr_db_max: of the cleanest.
        seed: source of voices, sentences and noise.
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


class CorpusConfig(StrictConfig):
    """A `configs/corpus/*.toml` file: a corpus, how it is split, how it is made if it is made."""

    name: str
    licence: str
    split: SplitConfig
    synthetic: SyntheticConfig | None = None


class OneCycle(StrictConfig):
    """Cosine from peak / 25 up to the peak and down to zero, a step at a time.

    Source: Smith and Topin, "Super-convergence", 2018, with the cosine of torch's `OneCycleLR`.
    """

    kind: Literal["one-cycle"]
    peak: float = Field(gt=0)
    warm_up: float = Field(gt=0, lt=1)


class ExponentialDecay(StrictConfig):
    """`peak * decay ** max(0, epoch - hold)` for epochs counted from 1.

    Source: SamsungLabs/nb-asr `nasbench_asr/training/tf/callbacks/lrscheduler.py`, which gives
        1e-4 * 0.9^max(0, n - 5).
    """

    kind: Literal["exponential"]
    peak: float = Field(gt=0)
    decay: float = Field(gt=0, le=1)
    hold: int = Field(ge=0)


class PooledBatches(StrictConfig):
    """Fixed batch size; utterances are shuffled, then sorted by length within pools.

    Sorting within a pool keeps padding small; order of pools and of batches is random.
    """

    kind: Literal["pooled"]
    size: int = Field(ge=1)
    pool: int = Field(ge=1)


class BucketedBatches(StrictConfig):
    """Batches of short utterances, and smaller ones of long utterances.

    Source: SamsungLabs/nb-asr `nasbench_asr/training/tf/__init__.py`: 64 below 300 frames, 48 from
        there on.
    """

    kind: Literal["bucketed"]
    boundary_frames: int = Field(ge=1)
    short: int = Field(ge=1)
    long: int = Field(ge=1)


class CurriculumStage(StrictConfig):
    """Passes over the short utterances only, before those over all.

    An epoch stays as many steps as a pass over all has: the stages' steps are the first of them,
    and the passes over all begin that much later. A stage that no utterance is short enough for
    has no steps.

    Source: SamsungLabs/nb-asr `nasbench_asr/training/tf/__init__.py` and `trainer.py`: one stream
        of batches, cut into epochs by `steps_per_epoch`. Its torch port makes them before the
        first epoch instead.
    """

    max_seconds: float = Field(gt=0)
    passes: int = Field(ge=1)


class OptimiserConfig(StrictConfig):
    """Adam with decoupled weight decay."""

    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.999, ge=0, lt=1)
    eps: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(ge=0)


class TrainConfig(StrictConfig):
    """A `configs/train/*.toml` file.

    `kernel_l2` is the weight of the sum of squares of all convolution kernels in what is minimised;
    loss curves leave it out. `precision` "bf16" computes products in bfloat16, and `compile` has
    torch compile the network: both change numbers, so they belong to the recipe. The device does
    not: it is an argument of `train_cell`, and a record's `software` says it.
    """

    name: str
    macro: MacroName
    semantics: Literal["paper", "released"]
    epochs: int = Field(ge=1)
    batches: Annotated[PooledBatches | BucketedBatches, Field(discriminator="kind")]
    schedule: Annotated[OneCycle | ExponentialDecay, Field(discriminator="kind")]
    optimiser: OptimiserConfig
    loss_per: Literal["frame", "label"]
    clip_norm: float = Field(gt=0)
    weight_average: float = Field(ge=0, lt=1)
    dropout: float = Field(ge=0, lt=1)
    feature_noise: float = Field(ge=0)
    decoder: Literal["greedy", "beam12"]
    curriculum: tuple[CurriculumStage, ...] = ()
    kernel_l2: float = Field(default=0.0, ge=0)
    lstm_dropout: float = Field(default=0.0, ge=0, lt=1)
    initialisation: Literal["uniform", "glorot"] = "uniform"
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: bool = False


class Recipe(StrictConfig):
    """A training configuration and the corpus configuration it is run on."""

    train: TrainConfig
    corpus: CorpusConfig

    @classmethod
    def load(cls, train_path: Path, corpus_path: Path) -> "Recipe":
        """Read the two files of a recipe.

        Raises:
            UserError: if a file is missing, a key unknown or a value of the wrong type.
        """
        return cls(
            train=load_config(train_path, TrainConfig),
            corpus=load_config(corpus_path, CorpusConfig),
        )

    @property
    def macro(self) -> Macro:
        """The network around the cell."""
        return MACROS.get(self.train.macro)

    @property
    def semantics(self) -> Semantics:
        """How cells are read."""
        return Semantics(self.train.semantics)

    def describe(self) -> dict[str, Any]:
        """The whole recipe as plain values, the macro network written out."""
        return {**self.model_dump(mode="json"), "macro": _plain(asdict(self.macro))}

    @property
    def hash(self) -> str:
        """sha256 of all that decides a record: what must agree within a table.

        Licence notes are left out, and fields that stand at their default: a field that a later
        version adds, with the old behaviour as its default, makes no record a stranger. For the
        same reason a default, once released, never changes.
        """
        decisive = self.model_dump(mode="json", exclude_defaults=True)
        decisive["corpus"].pop("licence")
        plain = _plain(asdict(self.macro))
        defaults = {f.name: f.default for f in fields(self.macro)}
        decisive["macro"] = {k: v for k, v in plain.items() if v != defaults[k]}
        return content_hash(decisive)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
