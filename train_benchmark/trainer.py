"""Training of one cell with one seed: the function whose value is a record."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from graph_encoding.cell import Cell
from graph_encoding.errors import UserError
from graph_encoding.functional import functional_key
from train_benchmark.asr_model import AsrModel
from train_benchmark.batching import (
    Batch,
    PreparedUtterance,
    batches_of,
    make_batch,
)
from train_benchmark.ctc import Decoder, ctc_loss, make_decoder, required_frames
from train_benchmark.error_rate import corpus_per
from train_benchmark.optimisation import FlatParameters, WeightAverage, learning_rate
from train_benchmark.phones import fold_labels_to_39
from train_benchmark.recipe import Recipe, TrainConfig
from train_benchmark.record import Status, TrainingRecord


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
    """The training loss is no longer finite."""


def train_cell(cell: Cell, seed: int, recipe: Recipe, corpus: PreparedCorpus) -> TrainingRecord:
    """Train the network around a cell and measure its phone error rate.

    The record is a pure function of the arguments, the machine's arithmetic and the software:
    weights, batch order and noise come from generators seeded with `seed`, and no global state
    is read. Torch must run with one thread for that to hold to the bit.

    Args:
        cell: the cell; any two with equal functional keys give the same numbers.
        seed: seed of initialisation, batch order and noise.
        recipe: everything else that decides the result.
        corpus: what `prepare` made for this recipe.

    Returns:
        A record of status "ok", "diverged" when the loss stopped being finite, or "failed" when
        torch could not compute the network; the last two say why.
    """
    started = time.perf_counter()
    training = _Training(cell, seed, recipe, corpus)
    status: Status = "ok"
    error = ""
    try:
        # Dropout draws from torch's global generator: give it the seed, and give it back.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            training.run()
    except DivergedError as e:
        status, error = "diverged", str(e)
    except (RuntimeError, MemoryError) as e:
        # What torch raises when a network cannot be computed: one cell must not end a campaign.
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
        val_per_curve=tuple(training.val_per_curve),
        train_loss_curve=tuple(training.train_loss_curve),
        best_epoch=training.best_epoch,
        test_per=training.test_per if status == "ok" else math.nan,
        params=training.model.trainable_params,
        train_seconds=time.perf_counter() - started,
        software=software_versions(training_device(recipe.train).type),
    )


def software_versions(device: str = "cpu") -> str:
    """Versions of what can change a record's numbers; the device where it is not the CPU."""
    versions = f"numpy={np.__version__} torch={torch.__version__}"
    return versions if device == "cpu" else f"{versions} device={device}"


def training_device(config: TrainConfig) -> torch.device:
    """Where a recipe is trained on this machine."""
    use_cuda = config.device == "auto" and torch.cuda.is_available()
    return torch.device("cuda" if use_cuda else "cpu")


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
    """State of one training."""

    def __init__(self, cell: Cell, seed: int, recipe: Recipe, corpus: PreparedCorpus) -> None:
        self._config = config = recipe.train
        self._corpus = corpus
        self._frame_shift_s = recipe.macro.frame_shift_s
        self._device = training_device(config)
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
        ).to(self._device)
        if self._device.type == "cuda" or config.precision == "bf16" or config.compile:
            self.model.use_library_convolutions()
        self._decoder = make_decoder(config.decoder, recipe.macro.outputs)
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
        self.val_per_curve: list[float] = []
        self.train_loss_curve: list[float] = []
        self.best_epoch = 0
        self.test_per = math.nan

    def run(self) -> None:
        """Train all epochs, then score the test split with the best epoch's own weights."""
        best_weights = self._average.values.clone()
        val, test = (
            make_batch(part).to(self._device) for part in (self._corpus.val, self._corpus.test)
        )
        self._warm_up()
        for epoch in range(1, self._config.epochs + 1):
            self.train_loss_curve.append(self._train_epoch(epoch))
            with self._average.in_place():
                self.val_per_curve.append(evaluate_per(self.model, val, self._decoder))
            if self.val_per_curve[-1] < min(self.val_per_curve[:-1], default=math.inf):
                self.best_epoch = epoch
                best_weights.copy_(self._average.values)
        self._weights.assign(best_weights)
        self.test_per = evaluate_per(self.model, test, self._decoder)

    def _warm_up(self) -> None:
        """Passes over short utterances, with the first epoch's learning rate."""
        for stage in self._config.curriculum:
            short = [
                u
                for u in self._corpus.train
                if len(u.features) * self._frame_shift_s < stage.max_seconds
            ]
            for _ in range(stage.passes if short else 0):
                self._train_pass(short, 1)

    def _train_epoch(self, epoch: int) -> float:
        return self._train_pass(self._corpus.train, epoch)

    def _train_pass(self, utterances: Sequence[PreparedUtterance], epoch: int) -> float:
        """Mean loss of one pass over some utterances."""
        config = self._config
        self.model.train()
        steps, batches = batches_of(utterances, config.batches, self._rng)
        total = 0.0
        for step, batch in enumerate(batches):
            self._optimiser.param_groups[0]["lr"] = learning_rate(
                config.schedule, epoch, step, steps, config.epochs
            )
            loss = self._step(batch.to(self._device))
            if not math.isfinite(loss):
                raise DivergedError(f"epoch {epoch}, step {step + 1}: the training loss is {loss}")
            total += loss * len(batch.references)
        return total / len(utterances)

    def _step(self, batch: Batch) -> float:
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
        if self._config.kernel_l2:
            loss = loss + self._config.kernel_l2 * self.model.kernel_squares()
        loss.backward()  # type: ignore[no-untyped-call]
        self._weights.clip_grad_norm(self._config.clip_norm)
        self._optimiser.step()
        self._average.update()
        return loss.item()


def evaluate_per(model: AsrModel, batch: Batch, decoder: Decoder) -> float:
    """Phone error rate of a model on a split that was made into one batch."""
    model.eval()
    with torch.no_grad():
        log_probs_BTV, lengths_B = model(batch.features_BTC, batch.frames_B)
    decoded = decoder(log_probs_BTV.cpu(), lengths_B.cpu())
    hypotheses = [fold_labels_to_39(labels) for labels in decoded]
    return corpus_per(hypotheses, batch.references)
