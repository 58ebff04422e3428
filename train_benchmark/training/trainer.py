"""Training of one cell with one seed, which returns a record."""

import math
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.cost import params
from graph_encoding.functional_identity import functional_key
from train_benchmark.features.augment import mask_batch
from train_benchmark.features.batching import Batch
from train_benchmark.features.epochs import EpochBatches
from train_benchmark.features.prepared import PreparedCorpus
from train_benchmark.network.asr_model import AsrModel
from train_benchmark.network.bfloat16 import computes_bfloat16_lstm
from train_benchmark.recipe import Recipe
from train_benchmark.record import Status, TrainingRecord
from train_benchmark.training.arithmetic import check_arithmetic
from train_benchmark.training.ctc import (
    ctc_loss,
    frame_cross_entropy,
    make_decoder,
)
from train_benchmark.training.optimisation import FlatParameters, WeightAverage, learning_rate
from train_benchmark.training.processor_kind import processor_kind
from train_benchmark.training.scoring import Scorer, SetScores, pooled_per

Device = Literal["auto", "cpu", "cuda"]
"""Where to train. "auto" uses a CUDA device, if present, for networks that fill it."""

_GPU_CHANNELS = 256
"""Narrower networks do not fill a GPU, and only a CPU gives bit-identical records."""


Network = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""(features, lengths) -> (log-probabilities, output lengths): an `AsrModel`, compiled or not."""


class DivergedError(ArithmeticError):
    """The training loss or a weight is no longer finite."""


@dataclass
class _Outcome:
    """Intermediate results of a training; see `TrainingRecord`."""

    val_per_curve: list[float] = field(default_factory=list)
    train_loss_curve: list[float] = field(default_factory=list)
    best_epoch: int = 0
    test_per: float = math.nan
    held_out_per_curves: dict[str, list[float]] = field(default_factory=dict)
    utterance_edits: list[tuple[int, ...]] = field(default_factory=list)
    utterance_ctc_loss: list[tuple[float, ...]] = field(default_factory=list)

    def fields(self) -> dict[str, Any]:
        """The corresponding fields of a record."""
        return {
            "val_per_curve": tuple(self.val_per_curve),
            "train_loss_curve": tuple(self.train_loss_curve),
            "best_epoch": self.best_epoch,
            "test_per": self.test_per,
            "held_out_per_curves": tuple(map(tuple, self.held_out_per_curves.values())),
            "utterance_edits": tuple(self.utterance_edits),
            "utterance_ctc_loss": tuple(self.utterance_ctc_loss),
        }


def train_cell(
    cell: Cell, seed: int, recipe: Recipe, corpus: PreparedCorpus, *, device: Device = "auto"
) -> TrainingRecord:
    """Train the network around a cell and measure its phone error rate.

    The record is a pure function of the arguments, the arithmetic and the software: weights, batch
    order and noise come from generators seeded with `seed`, and no global state is read. Results
    are bit-identical with one torch thread on the same processor type (`software_versions`); on a
    CUDA device they are not, because the order of sums in CTC's gradient varies.

    Args:
        cell: the cell; cells with equal functional keys give equal numbers.
        seed: seed of initialisation, batch order and noise.
        recipe: the recipe.
        corpus: the corpus, prepared for this recipe.
        device: where to train.

    Returns:
        A record of status "ok", "diverged" if the loss or a weight was no longer finite, or
        "failed" if torch could not build or compute the network; `error` gives the reason.

    Raises:
        UserError: if the device is "cuda" and none is present, or this process does not compute
            with the recipe's arithmetic.
    """
    started = time.perf_counter()
    place = training_device(device, recipe)
    check_arithmetic(recipe)
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
        # Torch's errors of memory and computation: one cell must not end a campaign.
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
        params=params(cell, recipe.macro, recipe.semantics),
        train_seconds=time.perf_counter() - started,
        software=_software_of(recipe, place),
        **outcome.fields(),
    )


def _software_of(recipe: Recipe, place: torch.device) -> str:
    """`software_versions` of a recipe on a device."""
    portable = recipe.train.arithmetic == "portable"
    lstm = " lstm=fp32" if _needs_plain_lstm(recipe, place) else ""
    return software_versions(place.type, portable=portable) + lstm


def software_versions(device: str = "cpu", *, portable: bool = False) -> str:
    """Everything that can change a record's numbers: versions, instruction set, processor.

    The order of sums in torch depends on the instruction set, and its matrix library has kernels
    per vendor and generation of processors. Portable arithmetic depends on neither. A device other
    than the CPU is named.
    """
    versions = f"numpy={np.__version__} torch={torch.__version__}"
    if device != "cpu":
        return f"{versions} device={device}"
    if portable:
        return f"{versions} arithmetic=portable"
    instructions = torch.backends.cpu.get_cpu_capability().replace(" ", "-")
    return f"{versions} cpu={instructions} processor={processor_kind()}"


def _needs_plain_lstm(recipe: Recipe, device: torch.device) -> bool:
    """Whether a recipe needs an LSTM in bfloat16 that torch cannot compute on a device."""
    wanted = recipe.train.precision == "bf16" and recipe.macro.lstm_units > 0
    return wanted and not computes_bfloat16_lstm(device.type)


def training_device(device: Device, recipe: Recipe) -> torch.device:
    """The device on which a recipe is trained here.

    Raises:
        UserError: if the device is "cuda" and none is present.
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
    """Whether a recipe's network is wide enough for a GPU."""
    return max(recipe.macro.filters) >= _GPU_CHANNELS


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators, which dropout uses, and restore them afterwards."""
    devices = [torch.cuda.current_device()] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), warnings.catch_warnings():
        # An LSTM's weights are views of the flat ones; cuDNN copies them at each call (14 MB).
        warnings.filterwarnings("ignore", message="RNN module weights are not part of single")
        torch.manual_seed(seed)
        yield


class _Training:
    """State of one training; its results are written to `outcome`."""

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
        self._stride = recipe.macro.total_stride
        self._corpus = corpus
        self._device = device
        # A separate generator, so that augmentation does not change the order of utterances.
        self._changes = np.random.default_rng([seed, 1])
        rng = np.random.default_rng(seed)
        self._batches = EpochBatches(recipe, corpus, rng, self._changes, device)
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
        decoder = make_decoder(config.decoder)
        self._scorer = Scorer(corpus, decoder, recipe.label_set, device)
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
        """Train all epochs, then score the test sets with the best epoch's own weights."""
        best_weights = self._average.values.clone()
        best_scores: dict[str, SetScores] = {}
        outcome, corpus = self._outcome, self._corpus
        for epoch in range(1, self._config.epochs + 1):
            outcome.train_loss_curve.append(self._train_epoch(epoch))
            # The loss is computed before a step, so it does not show the last step of an epoch.
            if not self._weights.flat.isfinite().all():
                raise DivergedError(f"epoch {epoch}: a weight is no longer finite")
            keeps_all = 0 < self._config.scores_from <= epoch
            with self._average.in_place():
                sets = self._scorer.sets if keeps_all else corpus.val_sets
                scores = self._scorer.score(self.model, sets, losses=keeps_all)
            outcome.val_per_curve.append(pooled_per([scores[name] for name in corpus.val_sets]))
            if keeps_all:
                self._keep(scores)
            if outcome.val_per_curve[-1] < min(outcome.val_per_curve[:-1], default=math.inf):
                outcome.best_epoch = epoch
                best_weights.copy_(self._average.values)
                best_scores = scores
        self._weights.assign(best_weights)
        # The best epoch's scores include the test sets if its scores of all sets are kept.
        if not best_scores.keys() >= set(corpus.test_sets):
            best_scores = self._scorer.score(self.model, corpus.test_sets)
        outcome.test_per = pooled_per([best_scores[name] for name in corpus.test_sets])

    def _keep(self, scores: dict[str, SetScores]) -> None:
        """Store an epoch's scores of all held-out sets."""
        outcome = self._outcome
        for name, one in scores.items():
            outcome.held_out_per_curves.setdefault(name, []).append(pooled_per([one]))
        outcome.utterance_edits.append(tuple(e for one in scores.values() for e in one.edits))
        losses = (loss for one in scores.values() for loss in one.ctc_loss)
        outcome.utterance_ctc_loss.append(tuple(round(loss, 1) for loss in losses))

    def _train_epoch(self, epoch: int) -> float:
        """Train one epoch; return the mean loss per utterance."""
        config, steps = self._config, self._batches.steps
        self.model.train()
        total, seen = 0.0, 0
        for step, batch in enumerate(self._batches.next_epoch()):
            self._optimiser.param_groups[0]["lr"] = learning_rate(
                config.schedule, epoch, step, steps, config.epochs
            )
            position = ((epoch - 1) * steps + step) / (config.epochs * steps)
            loss = self._step(batch, position)
            if not math.isfinite(loss):
                raise DivergedError(f"epoch {epoch}, step {step + 1}: the training loss is {loss}")
            total += loss * len(batch.references)
            seen += len(batch.references)
        return total / seen

    def _step(self, batch: Batch, position: float) -> float:
        """Take one step at a fraction of the training; return the CTC loss before it."""
        features_BTC = self._changed(batch)
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
        frame_loss = self._config.frame_loss
        if frame_loss is not None:
            of_ctc, of_frames = frame_loss.weights(position)
            minimised = loss * of_ctc
            if of_frames and batch.frame_labels_BT is not None:
                minimised = minimised + of_frames * frame_cross_entropy(
                    log_probs_BTV, lengths_B, batch.frame_labels_BT, self._stride
                )
        if self._config.kernel_l2:
            minimised = minimised + self._config.kernel_l2 * self.model.kernel_squares()
        minimised.backward()  # type: ignore[no-untyped-call]
        self._weights.clip_grad_norm(self._config.clip_norm)
        self._optimiser.step()
        self._average.update()
        return loss.item()

    def _changed(self, batch: Batch) -> Tensor:
        """A batch's features with noise and masks; padding stays zero."""
        features_BTC = batch.features_BTC
        if self._config.feature_noise:
            noise_BTC = torch.randn(features_BTC.shape, generator=self._noise)
            noise_BTC = noise_BTC.to(self._device)
            features_BTC = features_BTC + noise_BTC * self._config.feature_noise
            for row, frames in zip(features_BTC, batch.frames_B.tolist(), strict=True):
                row[frames:] = 0.0
        if self._config.masks is not None:
            features_BTC = features_BTC.clone()
            mask_batch(features_BTC, batch.frames_B, self._config.masks, self._changes)
        return features_BTC
