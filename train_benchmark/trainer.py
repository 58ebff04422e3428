"""Training of one cell with one seed: the function whose value is a record."""

import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from graph_encoding.cell import Cell
from graph_encoding.cost import params
from graph_encoding.errors import UserError
from graph_encoding.functional import functional_key
from train_benchmark.asr_model import AsrModel
from train_benchmark.batching import (
    Batch,
    MakeBatch,
    PreparedUtterance,
    ResidentFeatures,
    batches_of,
    evaluation_batches,
    make_batch,
)
from train_benchmark.bfloat16 import computes_bfloat16_lstm
from train_benchmark.ctc import Decoder, ctc_loss, make_decoder, required_frames
from train_benchmark.error_rate import corpus_per
from train_benchmark.optimisation import FlatParameters, WeightAverage, learning_rate
from train_benchmark.phones import fold_labels_to_39
from train_benchmark.processor import processor_kind
from train_benchmark.recipe import Recipe
from train_benchmark.record import Status, TrainingRecord

Device = Literal["auto", "cpu", "cuda"]
"""Where to train. "auto" is a CUDA device where there is one, for networks that fill it."""

_GPU_CHANNELS = 256
"""A narrower network does not fill a GPU, and only on a CPU do its records come out to the bit."""

_RESIDENT_BYTES = 2 << 30
"""Features of more bytes are copied to a GPU batch by batch; those of TIMIT are 0.4 GB."""

_EVALUATION_FRAMES = 1 << 16
"""Splits of more frames are scored in parts, so that the paper's network does not need 10 GB."""


@dataclass(frozen=True, eq=False)
class PreparedCorpus:
    """A corpus split and turned into features for one recipe.

    Attributes:
        fingerprint: sha256 of the corpus it was made of.
        train: utterances to fit weights on.
        val: utterances that choose the epoch.
        test: utterances that are scored once.
    """

    fingerprint: str
    train: tuple[PreparedUtterance, ...]
    val: tuple[PreparedUtterance, ...]
    test: tuple[PreparedUtterance, ...]


Network = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""(features, lengths) -> (log-probabilities, output lengths): an `AsrModel`, compiled or not."""


class DivergedError(ArithmeticError):
    """The training loss or a weight is no longer finite."""


@dataclass
class _Outcome:
    """What a training has given so far; see `TrainingRecord`."""

    val_per_curve: list[float] = field(default_factory=list)
    train_loss_curve: list[float] = field(default_factory=list)
    best_epoch: int = 0
    test_per: float = math.nan


def train_cell(
    cell: Cell, seed: int, recipe: Recipe, corpus: PreparedCorpus, *, device: Device = "auto"
) -> TrainingRecord:
    """Train the network around a cell and measure its phone error rate.

    The record is a pure function of the arguments, the machine's arithmetic and the software:
    weights, batch order and noise come from generators seeded with `seed`, and no global state
    is read. Torch must run with one thread for that to hold to the bit, and on a processor of the
    same kind (`software_versions`); on a CUDA device it does not hold to the bit, because
    CTC's gradient is summed there in any order.

    Args:
        cell: the cell; any two with equal functional keys give the same numbers.
        seed: seed of initialisation, batch order and noise.
        recipe: everything else that decides the result.
        corpus: what `prepare` made for this recipe.
        device: where to train.

    Returns:
        A record of status "ok", "diverged" when the loss or a weight stopped being finite, or
        "failed" when torch could not build or compute the network; the last two say why.

    Raises:
        UserError: if the device is "cuda" and there is none.
    """
    started = time.perf_counter()
    place = training_device(device, recipe)
    outcome = _Outcome()
    status: Status = "ok"
    error = ""
    try:
        training = _Training(cell, seed, recipe, corpus, place, outcome)
        with _seeded(seed, place):
            training.run()
    except DivergedError as e:
        status, error = "diverged", str(e)
    except (RuntimeError, MemoryError) as e:
        # What torch raises when a network finds no memory or cannot be computed: one cell must
        # not end a campaign.
        status, error = "failed", f"{type(e).__name__}: {e}"
    return TrainingRecord(
        functional_key=functional_key(cell, recipe.semantics),
        cell=cell.text,
        semantics=recipe.semantics.value,
        seed=seed,
        recipe_hash=recipe.hash,
        corpus_fingerprint=corpus.fingerprint,
        status=status,
        error=error,
        val_per_curve=tuple(outcome.val_per_curve),
        train_loss_curve=tuple(outcome.train_loss_curve),
        best_epoch=outcome.best_epoch,
        test_per=outcome.test_per if status == "ok" else math.nan,
        params=params(cell, recipe.macro, recipe.semantics),
        train_seconds=time.perf_counter() - started,
        software=software_versions(place.type)
        + (" lstm=fp32" if _needs_plain_lstm(recipe, place) else ""),
    )


def software_versions(device: str = "cpu") -> str:
    """What can change a record's numbers: versions, torch's instruction set, the processor.

    Torch sums in another order with AVX2 than with AVX512, and its matrix library has kernels of
    its own for each maker and generation of processors. A device that is not the CPU is named.
    """
    versions = f"numpy={np.__version__} torch={torch.__version__}"
    if device != "cpu":
        return f"{versions} device={device}"
    instructions = torch.backends.cpu.get_cpu_capability().replace(" ", "-")
    return f"{versions} cpu={instructions} processor={processor_kind()}"


def _needs_plain_lstm(recipe: Recipe, device: torch.device) -> bool:
    """Whether a recipe wants an LSTM in bfloat16 that torch cannot compute on a device."""
    wanted = recipe.train.precision == "bf16" and recipe.macro.lstm_units > 0
    return wanted and not computes_bfloat16_lstm(device.type)


def training_device(device: Device, recipe: Recipe) -> torch.device:
    """Where a recipe is trained on this machine.

    Raises:
        UserError: if the device is "cuda" and there is none.
    """
    present = torch.cuda.is_available()
    if device == "cuda" and not present:
        raise UserError(
            "device 'cuda' must be one that torch can use, but torch finds none; use 'auto' or "
            "'cpu', or install a build of torch for this machine's GPU"
        )
    wanted = device == "cuda" or (device == "auto" and fills_gpu(recipe))
    return torch.device("cuda" if wanted and present else "cpu")


def fills_gpu(recipe: Recipe) -> bool:
    """Whether a recipe is trained on a GPU where there is one."""
    return max(recipe.macro.filters) >= _GPU_CHANNELS


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's global generators, which dropout draws from, seeded and then given back."""
    devices = [torch.cuda.current_device()] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), warnings.catch_warnings():
        # An LSTM's weights are views of the flat ones: cuDNN gathers them at each call (14 MB).
        warnings.filterwarnings("ignore", message="RNN module weights are not part of single")
        torch.manual_seed(seed)
        yield


def check_lengths(utterances: Sequence[PreparedUtterance], recipe: Recipe) -> None:
    """Make sure that CTC can align every utterance with its labels.

    Raises:
        UserError: if an utterance has no label, or the network gives it too few output frames.
    """
    for utterance in utterances:
        frames = recipe.macro.output_frames(len(utterance.features))
        needed = required_frames(utterance.labels)
        if needed == 0:
            raise UserError(
                f"utterance {utterance.key} has no phone to recognise; remove it from the corpus"
            )
        if frames < needed:
            raise UserError(
                f"utterance {utterance.key} is too short for its labels: macro "
                f"{recipe.macro.name!r} gives {frames} output frames, but {len(utterance.labels)} "
                f"labels need {needed}; remove it or use a macro with a smaller total stride than "
                f"{recipe.macro.total_stride}"
            )


class _Training:
    """State of one training; what it gives goes into `outcome`."""

    def __init__(
        self,
        cell: Cell,
        seed: int,
        recipe: Recipe,
        corpus: PreparedCorpus,
        device: torch.device,
        outcome: _Outcome,
    ) -> None:
        self._config = config = recipe.train
        self._macro = recipe.macro
        self._corpus = corpus
        self._device = device
        self._make_train_batch = _batch_maker(corpus.train, device)
        self._rng = np.random.default_rng(seed)
        self._noise = torch.Generator().manual_seed(seed)
        weights = torch.Generator().manual_seed(seed)
        self.model = AsrModel(
            cell,
            recipe.macro,
            recipe.semantics,
            weights,
            dropout=config.dropout,
            lstm_dropout=config.lstm_dropout,
            glorot=config.initialisation == "glorot",
        ).to(device)
        if device.type == "cuda" or config.precision == "bf16" or config.compile:
            self.model.use_library_convolutions()
        self.model.plain_lstm = _needs_plain_lstm(recipe, device)
        self._decoder = make_decoder(config.decoder)
        self._weights = FlatParameters(self.model)
        self._network: Network = self.model
        if config.compile:
            self._network = torch.compile(self.model, dynamic=True)
        adam = config.optimiser
        self._optimiser = torch.optim.AdamW(
            [self._weights.flat],
            betas=(adam.beta1, adam.beta2),
            eps=adam.eps,
            weight_decay=adam.weight_decay,
            fused=True,
        )
        self._average = WeightAverage(self._weights, config.weight_average)
        self._outcome = outcome

    def run(self) -> None:
        """Train all epochs, then score the test split with the best epoch's own weights."""
        best_weights = self._average.values.clone()
        val, test = (
            [b.to(self._device) for b in evaluation_batches(part, _EVALUATION_FRAMES)]
            for part in (self._corpus.val, self._corpus.test)
        )
        stream, outcome = self._all_batches(), self._outcome
        for epoch in range(1, self._config.epochs + 1):
            outcome.train_loss_curve.append(self._train_epoch(epoch, stream))
            # The loss is that before a step, so that it cannot tell of an epoch's last one.
            if not self._weights.flat.isfinite().all():
                raise DivergedError(f"epoch {epoch}: a weight is no longer finite")
            with self._average.in_place():
                outcome.val_per_curve.append(evaluate_per(self.model, val, self._decoder))
            if outcome.val_per_curve[-1] < min(outcome.val_per_curve[:-1], default=math.inf):
                outcome.best_epoch = epoch
                best_weights.copy_(self._average.values)
        self._weights.assign(best_weights)
        outcome.test_per = evaluate_per(self.model, test, self._decoder)

    def _all_batches(self) -> Iterator[Batch]:
        """The curriculum's batches, then those of one pass after another without end."""
        config = self._config
        for stage in config.curriculum:
            short = [u for u in self._corpus.train if self._seconds(u) < stage.max_seconds]
            for _ in range(stage.passes):
                yield from batches_of(short, config.batches, self._rng, self._make_train_batch)[1]
        train = self._corpus.train
        while True:
            yield from batches_of(train, config.batches, self._rng, self._make_train_batch)[1]

    def _seconds(self, utterance: PreparedUtterance) -> float:
        """Duration of the signal that an utterance's frames were computed from."""
        macro = self._macro
        return (len(utterance.features) - 1) * macro.frame_shift_s + macro.frame_length_s

    def _train_epoch(self, epoch: int, stream: Iterator[Batch]) -> float:
        """Mean loss of an utterance over as many steps as a pass over all utterances has."""
        config = self._config
        self.model.train()
        steps, _ = batches_of(self._corpus.train, config.batches, self._rng)
        total, seen = 0.0, 0
        for step, batch in enumerate(islice(stream, steps)):
            self._optimiser.param_groups[0]["lr"] = learning_rate(
                config.schedule, epoch, step, steps, config.epochs
            )
            loss = self._step(batch)
            if not math.isfinite(loss):
                raise DivergedError(f"epoch {epoch}, step {step + 1}: the training loss is {loss}")
            total += loss * len(batch.references)
            seen += len(batch.references)
        return total / seen

    def _step(self, batch: Batch) -> float:
        """Take one step; the batch's CTC loss before it."""
        features_BTC = batch.features_BTC
        if self._config.feature_noise:
            noise_BTC = torch.randn(features_BTC.shape, generator=self._noise)
            noise_BTC = noise_BTC.to(self._device)
            features_BTC = features_BTC + noise_BTC * self._config.feature_noise
            # Beyond an utterance's end features stay zero.
            for row, frames in zip(features_BTC, batch.frames_B.tolist(), strict=True):
                row[frames:] = 0.0
        self._weights.zero_grad()
        with torch.autocast(
            self._device.type, torch.bfloat16, enabled=self._config.precision == "bf16"
        ):
            log_probs_BTV, lengths_B = self._network(features_BTC, batch.frames_B)
        loss = ctc_loss(
            log_probs_BTV,
            lengths_B,
            batch.labels,
            batch.label_lengths_B,
            per=self._config.loss_per,
        )
        minimised = loss
        if self._config.kernel_l2:
            minimised = loss + self._config.kernel_l2 * self.model.kernel_squares()
        minimised.backward()  # type: ignore[no-untyped-call]
        self._weights.clip_grad_norm(self._config.clip_norm)
        self._optimiser.step()
        self._average.update()
        return loss.item()


def evaluate_per(model: AsrModel, batches: Sequence[Batch], decoder: Decoder) -> float:
    """Phone error rate of a model on all utterances of a split, in single precision."""
    model.eval()
    hypotheses: list[Sequence[int]] = []
    for batch in batches:
        with torch.no_grad():
            log_probs_BTV, lengths_B = model(batch.features_BTC, batch.frames_B)
        decoded = decoder(log_probs_BTV.cpu(), lengths_B.cpu())
        hypotheses += [fold_labels_to_39(labels) for labels in decoded]
    return corpus_per(hypotheses, [r for batch in batches for r in batch.references])


def _batch_maker(utterances: Sequence[PreparedUtterance], device: torch.device) -> MakeBatch:
    """How batches of a split are made on a device: on a GPU out of features that lie there."""
    if device.type == "cpu":
        return make_batch
    if sum(u.features.nbytes for u in utterances) <= _RESIDENT_BYTES:
        return ResidentFeatures(utterances, device).make_batch
    return lambda members: make_batch(members).to(device)
