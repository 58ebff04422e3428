"""The recipe of a training: all that decides a record, except cell, seed and corpus files."""

from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from graph_encoding.common.errors import UserError
from graph_encoding.common.hashing import content_hash
from graph_encoding.common.toml_config import load_config, validated
from graph_encoding.macro import MACROS, Macro
from graph_encoding.semantics import Semantics
from train_benchmark.corpora.config import CorpusConfig, MixConfig, load_corpus_config
from train_benchmark.corpora.symbols.label_sets import LabelSet
from train_benchmark.strict_config import StrictConfig


class OneCycle(StrictConfig):
    """Cosine from peak / 25 up to the peak and down to zero, updated per step.

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
    """Batches of fixed size from pools that are sorted by length.

    Sorting within a pool reduces padding; the order of pools and of batches is random.
    """

    kind: Literal["pooled"]
    size: int = Field(ge=1)
    pool: int = Field(ge=1)


class BucketedBatches(StrictConfig):
    """Batches of short utterances, and smaller batches of long utterances.

    Source: SamsungLabs/nb-asr `nasbench_asr/training/tf/__init__.py`: 64 below 300 frames, 48 from
        there on.
    """

    kind: Literal["bucketed"]
    boundary_frames: int = Field(ge=1)
    short: int = Field(ge=1)
    long: int = Field(ge=1)


class CurriculumStage(StrictConfig):
    """Passes over short utterances, before the passes over all.

    An epoch keeps the number of steps of a pass over all utterances: the stages take the first
    steps and delay the passes over all. A stage without short utterances has no steps.

    Source: SamsungLabs/nb-asr `nasbench_asr/training/tf/__init__.py` and `trainer.py`: one stream
        of batches, cut into epochs by `steps_per_epoch`. Its torch port runs the stages before
        the first epoch instead.
    """

    max_seconds: float = Field(gt=0)
    passes: int = Field(ge=1)


class OptimiserConfig(StrictConfig):
    """Adam with decoupled weight decay."""

    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.999, ge=0, lt=1)
    eps: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(ge=0)


class FrameLoss(StrictConfig):
    """Cross-entropy of each output frame against its aligned phone, beside CTC and before it.

    A network that starts from aligned phones avoids CTC's all-blank plateau. The objective in a
    training of n steps is:

    - up to step `hold` * n: `ctc_weight` * CTC + `weight` * cross-entropy;
    - up to step `end` * n: CTC + w * cross-entropy, with w from `weight` linearly down to 0;
    - then: CTC.

    Source: starting CTC from a frame-wise model, Sak et al., Interspeech 2015, section 2.
    """

    weight: float = Field(gt=0)
    ctc_weight: float = Field(ge=0)
    hold: float = Field(ge=0, le=1)
    end: float = Field(gt=0, le=1)

    @model_validator(mode="after")
    def _hold_before_end(self) -> Self:
        if self.hold > self.end:
            raise ValueError(f"hold <= end must hold, but they are {self.hold} and {self.end}")
        return self

    def weights(self, position: float) -> tuple[float, float]:
        """Weights of (CTC, cross-entropy) at a fraction of the training's steps, 0 to 1."""
        if position < self.hold:
            return self.ctc_weight, self.weight
        if position < self.end:
            return 1.0, self.weight * (self.end - position) / (self.end - self.hold)
        return 1.0, 0.0


class Warp(StrictConfig):
    """Random changes of speaking rate and vocal tract length, drawn per use of an utterance.

    Attributes:
        rate: largest relative change of the speaking rate.
        frequency: largest relative change of the formants' frequencies.

    Source: Jaitly and Hinton, "Vocal tract length perturbation", ICML workshop 2013; Ko et al.,
        "Audio augmentation for speech recognition", Interspeech 2015.
    """

    rate: float = Field(ge=0, lt=1)
    frequency: float = Field(ge=0, lt=0.5)


class Masks(StrictConfig):
    """Blocks of frames and of bands set to the training mean.

    Attributes:
        time: blocks of frames per utterance.
        time_frames: most frames of a block.
        frequency: blocks of bands per utterance.
        frequency_bands: most bands of a block.

    Source: Park et al., "SpecAugment", Interspeech 2019, without its warp.
    """

    time: int = Field(ge=0)
    time_frames: int = Field(ge=1)
    frequency: int = Field(ge=0)
    frequency_bands: int = Field(ge=1)


class MacroConfig(StrictConfig):
    """A macro network in full; see `graph_encoding.macro.Macro`."""

    name: str
    mel_bins: int
    filters: tuple[int, ...]
    strides: tuple[int, ...]
    cells_per_block: tuple[int, ...]
    groups: tuple[int, ...]
    lstm_units: int

    @property
    def macro(self) -> Macro:
        """The network itself."""
        return Macro(**dict(self))

    @model_validator(mode="after")
    def _sound(self) -> Self:
        try:
            macro = self.macro
        except UserError as e:
            raise ValueError(str(e)) from e
        if self.name in MACROS and MACROS.get(self.name) != macro:
            raise ValueError(
                "a macro network in full must have a new name, but "
                f"{self.name!r} is registered with other values; rename it"
            )
        return self


def _name_or_network(value: object) -> str | MacroConfig:
    """A registered macro network by its name, or a macro network in full as a table.

    Not a pydantic union, whose errors would list both forms.
    """
    if isinstance(value, str):
        MACROS.get(value)
        return value
    if not isinstance(value, MacroConfig | dict):
        raise ValueError(  # noqa: TRY004 -- pydantic reports ValueErrors
            f"a macro network must be a name, one of {', '.join(MACROS)}, or a table, but got "
            f"{value!r}"
        )
    return MacroConfig.model_validate(value)


class TrainConfig(StrictConfig):
    """A `configs/train/*.toml` file.

    `kernel_l2` weights the sum of squares of all convolution kernels in the objective; loss curves
    exclude it. `precision` "bf16" computes products in bfloat16. "fp32" is float32, but on a GPU
    with tensor cores the convolutions and the LSTM multiply in TF32 (10 bits of mantissa), which is
    cuDNN's default in torch. `compile` compiles the network with torch. Precision and `compile`
    change numbers, so they are part of the recipe. The device is not: it is an
    argument of `train_cell` and part of a record's `software`. From epoch `scores_from` on, all
    held-out sets are scored, and records contain the edits and the CTC loss of every utterance, so
    that labels can be chosen later; 0 disables this. `arithmetic` "portable" gives bit-identical
    results on all x86-64 processors with AVX2; "native" uses the fastest kernels.
    """

    name: str
    macro: Annotated[str | MacroConfig, BeforeValidator(_name_or_network)]
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
    frame_loss: FrameLoss | None = None
    warp: Warp | None = None
    masks: Masks | None = None
    scores_from: int = Field(default=0, ge=0)
    arithmetic: Literal["native", "portable"] = "native"

    @model_validator(mode="after")
    def _scored_in_time(self) -> Self:
        if self.scores_from > self.epochs:
            raise ValueError(
                f"scores_from must be at most epochs, {self.epochs}, but is {self.scores_from}"
            )
        return self


class Recipe(StrictConfig):
    """A training configuration and a corpus configuration."""

    train: TrainConfig
    corpus: CorpusConfig | MixConfig

    @model_validator(mode="after")
    def _pools_have_pooled_batches(self) -> Self:
        if isinstance(self.corpus, MixConfig) and (
            self.train.curriculum or not isinstance(self.train.batches, PooledBatches)
        ):
            raise ValueError(
                f"a mix of corpora such as {self.corpus.name!r} must be trained with "
                "batches.kind = 'pooled' and without a curriculum"
            )
        return self

    @classmethod
    def load(cls, train_path: Path, corpus_path: Path) -> Self:
        """Read the two files of a recipe.

        Raises:
            UserError: if a file is missing, a key unknown or a value of the wrong type.
        """
        values = {
            "train": load_config(train_path, TrainConfig),
            "corpus": load_corpus_config(corpus_path),
        }
        return validated(values, cls, train_path)

    @property
    def macro(self) -> Macro:
        """The network around the cell, with one output per class of the label set."""
        macro = self.train.macro
        found = MACROS.get(macro) if isinstance(macro, str) else macro.macro
        outputs = self.label_set.outputs
        return found if found.outputs == outputs else replace(found, outputs=outputs)

    @property
    def label_set(self) -> LabelSet:
        """The label set that is learned and scored.

        Raises:
            UserError: if the corpus configuration does not declare it.
        """
        return self.corpus.declared_label_set

    @property
    def semantics(self) -> Semantics:
        """How cells are read."""
        return Semantics(self.train.semantics)

    def describe(self) -> dict[str, Any]:
        """The whole recipe as plain values, with the macro network in full."""
        return {**self.model_dump(mode="json"), "macro": _plain(asdict(self.macro))}

    @property
    def hash(self) -> str:
        """sha256 of all that decides a record; all rows of a table share it.

        Licence notes and fields with their default value are left out, so that a new field, with
        the old behaviour as its default, keeps the hashes of old records. For the same reason a
        released default must never change.
        """
        decisive = self.model_dump(mode="json", exclude_defaults=True)
        decisive["corpus"].pop("licence")
        for member in decisive["corpus"].get("members", {}).values():
            member["corpus"].pop("licence")
        plain = _plain(asdict(self.macro))
        defaults = {f.name: f.default for f in fields(self.macro)}
        decisive["macro"] = {k: v for k, v in plain.items() if v != defaults[k]}
        return content_hash(decisive)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
