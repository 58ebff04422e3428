"""Weights as one tensor, their running mean, and the learning rate."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from train_benchmark.recipe import ExponentialDecay, OneCycle

_ONE_CYCLE_START = 25.0


class FlatParameters:
    """A module's trainable parameters as views of one tensor, which is faster to update.

    Attributes:
        flat: (params,) the tensor to optimise; backward passes fill its gradient.
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
        """Set all gradients to zero in place, which keeps the views."""
        self._grad.zero_()

    def clip_grad_norm(self, limit: float) -> None:
        """Scale the gradient to the norm `limit` if its norm is larger."""
        norm = self._grad.norm().item()
        if norm > limit:
            self._grad.mul_(limit / norm)

    def assign(self, values: Tensor) -> None:
        """Overwrite all parameters with a copy of `values` (params,)."""
        with torch.no_grad():
            self.flat.copy_(values)


class WeightAverage:
    """Exponential moving average of a network's weights, which is evaluated instead of them.

    It halves seed noise at the cost of one addition per step (docs/explanation/recipe.md).

    Args:
        weights: the trained weights.
        decay: weight of the old mean at each step; 0 means no averaging. After n steps it is at
            most (1 + n) / (10 + n), which reduces the influence of the first weights.

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
        """Update the mean after a step."""
        self._steps += 1
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        self.values.lerp_(self._weights.flat.detach(), 1.0 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Use the mean as the network's weights within the context."""
        trained = self._weights.flat.detach().clone()
        self._weights.assign(self.values)
        try:
            yield
        finally:
            self._weights.assign(trained)


def learning_rate(
    schedule: OneCycle | ExponentialDecay, epoch: int, step: int, steps: int, epochs: int
) -> float:
    """Learning rate of a step.

    Args:
        schedule: a recipe's schedule.
        epoch: from 1.
        step: from 0 within the epoch.
        steps: steps per epoch.
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
