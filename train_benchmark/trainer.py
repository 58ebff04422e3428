"""Training of one cell with one seed: the function whose value is a record."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from graph_encoding.cell import Cell
from graph_encoding.errors import UserError
from graph_encoding.functional import functional_key
from train_benchmark.asr_model import AsrModel
from train_benchmark.batching import (
    Batch,
    PreparedUtterance,
    batch_count,
    make_batch,
    pooled_batches,
)
from train_benchmark.ctc import Decoder, ctc_loss, make_decoder, required_frames
from train_benchmark.error_rate import corpus_per
from train_benchmark.phones import fold_labels_to_39
from train_benchmark.recipe import ExponentialDecay, OneCycle, Recipe
from train_benchmark.record import Status, TrainingRecord

_ONE_CYCLE_START = 25.0


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
        software=software_versions(),
    )


def software_versions() -> str:
    """Versions of the packages whose change can change a record's numbers."""
    return f"numpy={np.__version__} torch={torch.__version__}"


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
        self._config = recipe.train
        self._corpus = corpus
        self._rng = np.random.default_rng(seed)
        self._noise = torch.Generator().manual_seed(seed)
        weights = torch.Generator().manual_seed(seed)
        self.model = AsrModel(
            cell, recipe.macro, recipe.semantics, weights, dropout=recipe.train.dropout
        )
        self._decoder = make_decoder(recipe.train.decoder, recipe.macro.outputs)
        self._weights = FlatParameters(self.model)
        adam = recipe.train.optimiser
        self._optimiser = torch.optim.AdamW(
            [self._weights.flat],
            betas=(adam.beta1, adam.beta2),
            eps=adam.eps,
            weight_decay=adam.weight_decay,
            fused=True,
        )
        self._average = WeightAverage(self._weights, recipe.train.weight_average)
        self.val_per_curve: list[float] = []
        self.train_loss_curve: list[float] = []
        self.best_epoch = 0
        self.test_per = math.nan

    def run(self) -> None:
        """Train all epochs, then score the test split with the best epoch's own weights."""
        best_weights = self._average.values.clone()
        val, test = make_batch(self._corpus.val), make_batch(self._corpus.test)
        for epoch in range(1, self._config.epochs + 1):
            self.train_loss_curve.append(self._train_epoch(epoch))
            with self._average.in_place():
                self.val_per_curve.append(evaluate_per(self.model, val, self._decoder))
            if self.val_per_curve[-1] < min(self.val_per_curve[:-1], default=math.inf):
                self.best_epoch = epoch
                best_weights.copy_(self._average.values)
        self._weights.assign(best_weights)
        self.test_per = evaluate_per(self.model, test, self._decoder)

    def _train_epoch(self, epoch: int) -> float:
        config = self._config
        self.model.train()
        steps = batch_count(len(self._corpus.train), config.batches.size, config.batches.pool)
        batches = pooled_batches(
            self._corpus.train, config.batches.size, config.batches.pool, self._rng
        )
        total = 0.0
        for step, batch in enumerate(batches):
            self._optimiser.param_groups[0]["lr"] = learning_rate(
                config.schedule, epoch, step, steps, config.epochs
            )
            loss = self._step(batch)
            if not math.isfinite(loss):
                raise DivergedError(f"epoch {epoch}, step {step + 1}: the training loss is {loss}")
            total += loss * len(batch.references)
        return total / len(self._corpus.train)

    def _step(self, batch: Batch) -> float:
        features_BTC = batch.features_BTC
        if self._config.feature_noise:
            noise_BTC = torch.randn(features_BTC.shape, generator=self._noise)
            features_BTC = features_BTC + noise_BTC * self._config.feature_noise
            # Beyond an utterance's end features stay zero.
            for row, frames in zip(features_BTC, batch.frames_B.tolist(), strict=True):
                row[frames:] = 0.0
        self._weights.zero_grad()
        log_probs_BTV, lengths_B = self.model(features_BTC, batch.frames_B)
        loss = ctc_loss(
            log_probs_BTV,
            lengths_B,
            batch.labels,
            batch.label_lengths_B,
            per=self._config.loss_per,
        )
        loss.backward()  # type: ignore[no-untyped-call]
        self._weights.clip_grad_norm(self._config.clip_norm)
        self._optimiser.step()
        self._average.update()
        return loss.item()


class FlatParameters:
    """A module's trainable parameters as views of one tensor: one step updates them all at once.

    Attributes:
        flat: (params,) the tensor to optimise; its gradient is filled by backward passes.
    """

    def __init__(self, module: nn.Module) -> None:
        parameters = [p for p in module.parameters() if p.requires_grad]
        self.flat = nn.Parameter(torch.cat([p.detach().reshape(-1) for p in parameters]))
        self._grad = torch.zeros_like(self.flat)
        self.flat.grad = self._grad
        start = 0
        for p in parameters:
            end = start + p.numel()
            p.data = self.flat.data[start:end].view(p.shape)
            p.grad = self._grad[start:end].view(p.shape)
            start = end

    def zero_grad(self) -> None:
        """Set all gradients to zero in place: the views must stay views."""
        self._grad.zero_()

    def clip_grad_norm(self, limit: float) -> None:
        """Scale the gradient down to a norm of `limit` if it is larger."""
        norm = self._grad.norm().item()
        if norm > limit:
            self._grad.mul_(limit / norm)

    def assign(self, values: Tensor) -> None:
        """Overwrite all parameters with a copy of `values` (params,)."""
        with torch.no_grad():
            self.flat.copy_(values)


class WeightAverage:
    """Running mean of a network's weights over the last steps, which is what is evaluated.

    A mean over some epochs lies nearer to the middle of the basin that training wanders in: it
    halves the noise between seeds at the cost of one addition a step (docs/recipe.md).

    Args:
        weights: the weights that training changes.
        decay: share of the old mean at each step; 0 means no averaging. It begins smaller, as
            (1 + n) / (10 + n) after n steps, so that the first weights are soon forgotten.

    Attributes:
        values: (params,) the mean.

    Source: Polyak and Juditsky, 1992; the warm-up is that of `tf.train.ExponentialMovingAverage`.
    """

    def __init__(self, weights: FlatParameters, decay: float) -> None:
        self._weights = weights
        self._decay = decay
        self._steps = 0
        self.values = weights.flat.detach().clone()

    def update(self) -> None:
        """Take a step's weights into the mean."""
        self._steps += 1
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        self.values.lerp_(self._weights.flat.detach(), 1.0 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the mean in the network's place for as long as the context lasts."""
        trained = self._weights.flat.detach().clone()
        self._weights.assign(self.values)
        try:
            yield
        finally:
            self._weights.assign(trained)


def evaluate_per(model: AsrModel, batch: Batch, decoder: Decoder) -> float:
    """Phone error rate of a model on a split that was made into one batch."""
    model.eval()
    with torch.no_grad():
        log_probs_BTV, lengths_B = model(batch.features_BTC, batch.frames_B)
    hypotheses = [fold_labels_to_39(labels) for labels in decoder(log_probs_BTV, lengths_B)]
    return corpus_per(hypotheses, batch.references)


def learning_rate(
    schedule: OneCycle | ExponentialDecay, epoch: int, step: int, steps: int, epochs: int
) -> float:
    """Learning rate of a step.

    Args:
        schedule: a recipe's schedule.
        epoch: from 1.
        step: from 0 within the epoch.
        steps: steps of an epoch.
        epochs: epochs of the training.

    >>> cycle = OneCycle(kind="one-cycle", peak=1.0, warm_up=0.5)
    >>> [round(learning_rate(cycle, 1, step, 5, 1), 2) for step in range(5)]
    [0.04, 0.52, 1.0, 0.5, 0.0]
    """
    if isinstance(schedule, OneCycle):
        position = ((epoch - 1) * steps + step) / max(1, epochs * steps - 1)
        if position < schedule.warm_up:
            low, fraction = schedule.peak / _ONE_CYCLE_START, position / schedule.warm_up
            return low + (schedule.peak - low) * (1 - math.cos(math.pi * fraction)) / 2
        fraction = (position - schedule.warm_up) / (1 - schedule.warm_up)
        return schedule.peak * (1 + math.cos(math.pi * fraction)) / 2
    return float(schedule.peak * schedule.decay ** max(0, epoch - schedule.hold))
