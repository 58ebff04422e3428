"""Settings and constants that training and prediction of a graph network share."""

from dataclasses import dataclass

from surrogate.predictors.settings import (
    Count,
    CountOfTwo,
    NonNegative,
    OptionalProbability,
    Positive,
    Probability,
    Settings,
)

NORM_EPS = 1e-5
"""Added to the variance in layer norms."""
LOG_STD_RANGE = (-4.0, 1.0)
"""Range of the logarithm of a predicted standard deviation, in normal scores."""


@dataclass(frozen=True)
class GnnSettings(Settings):
    """Settings of `GnnPredictor`.

    Attributes:
        members: networks of a fit, >= 1; a calibrated fit has so many of each fold.
        width: hidden values per node, >= 1.
        layers: rounds of message passing, >= 1.
        steps: optimiser steps of a member on 1,000 graphs, >= 1. The number for n graphs is
            `steps * clip(n / 1000, 0.25, 2)`, and at least 20; twice that with the lower of the two
            dropouts.
        batch: graphs per step, >= 2.
        learning_rate: peak of the one-cycle schedule, > 0.
        weight_decay: decoupled weight decay, >= 0.
        rank_weight: weight of the ranking loss beside the likelihood, >= 0.
        op_dropout: probability with which a training graph's operations lose their names, so that
            only their descriptors remain, in [0, 1).
        dropout: probability with which a value of a node, or of the readout, is dropped in a
            step, in [0, 1); None to choose it on held-out graphs (`regularised`). Noisy labels, of
            one training each, need a high one, others a low one.
    """

    members: Count = 1
    width: Count = 64
    layers: Count = 3
    steps: Count = 1600
    batch: CountOfTwo = 64
    learning_rate: Positive = 3e-3
    weight_decay: NonNegative = 0.05
    rank_weight: NonNegative = 3.0
    op_dropout: Probability = 0.1
    dropout: OptionalProbability = None
