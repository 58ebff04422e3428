"""What training and answering of a graph network share: settings and constants."""

from dataclasses import dataclass, fields

from graph_encoding.common.errors import UserError

NORM_EPS = 1e-5
"""Added to the variance in layer norms."""
LOG_STD_RANGE = (-4.0, 1.0)
"""Range of the logarithm of a predicted spread, in normal scores."""


@dataclass(frozen=True)
class GnnSettings:
    """Settings of `GnnPredictor`.

    Attributes:
        members: networks in the ensemble, >= 1.
        width: values that a node holds, >= 1.
        layers: rounds of messages, >= 1.
        steps: optimiser steps of a member on 1,000 graphs, >= 1. The number for n graphs is
            `steps * clip(n / 1000, 0.25, 2)`, and at least 20; twice that where little dropout is
            chosen.
        batch: graphs of a step, >= 2.
        learning_rate: peak of the one-cycle schedule, > 0.
        weight_decay: decoupled weight decay, >= 0.
        rank_weight: weight of the ranking loss beside the likelihood, >= 0.
        op_dropout: probability with which a training graph's operations lose their names, so that
            descriptors alone must do, in [0, 1).
        dropout: probability with which a value of a node, or of the readout, is left out in a
            step, in [0, 1); None to choose it on held-out graphs (`regularised`). Labels that
            one training each makes noisy want much of it, others little.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field

    members: int = 5
    width: int = 64
    layers: int = 3
    steps: int = 1600
    batch: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    rank_weight: float = 3.0
    op_dropout: float = 0.1
    dropout: float | None = None

    def __post_init__(self) -> None:
        least = {"batch": 2, "weight_decay": 0, "rank_weight": 0}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "learning_rate":
                if not value > 0:
                    raise UserError(f"learning_rate must be > 0, but got {value}")
            elif field.name.endswith("dropout"):
                if value is not None and not 0 <= value < 1:
                    raise UserError(f"{field.name} must be in [0, 1), but got {value}")
            elif not value >= least.get(field.name, 1):
                raise UserError(
                    f"{field.name} must be >= {least.get(field.name, 1)}, but got {value}"
                )
