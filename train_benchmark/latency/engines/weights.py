"""Where the weights of a measured network come from: drawn, or taken from a trained model.

Latency does not depend on the values, so a sweep draws them; a model that is deployed, and the
tests of agreement, bring their own.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import prod

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError

Floats = NDArray[np.float32]

_POOL_SIZE = 1 << 20


class Weights(ABC):
    """Gives the weights of a network, by the names they have in `AsrModel`."""

    @abstractmethod
    def take(self, name: str, shape: tuple[int, ...]) -> Floats:
        """The values of one parameter; not to be changed.

        Args:
            name: name in `AsrModel.state_dict()`, such as `blocks.0.reduction.weight`.
            shape: shape there; a convolution's is (groups, kernel, inputs, outputs of a group).

        Raises:
            UserError: if there is no such parameter, or it has another shape.
        """


class DrawnWeights(Weights):
    """Random values of the size that a network begins with; norms begin as the identity.

    The values are cut from one drawn pool: drawing the 75 million of a large paper network anew
    for every cell would cost more than measuring it.

    Args:
        seed: seed of the pool.
    """

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._pool = rng.uniform(-1.0, 1.0, _POOL_SIZE).astype(np.float32)

    def take(self, name: str, shape: tuple[int, ...]) -> Floats:
        """See `Weights.take`."""
        if name.endswith("norm.weight"):
            return np.ones(shape, np.float32)
        if name.endswith("bias"):
            return np.zeros(shape, np.float32)
        inputs = prod(shape[1:3]) if len(shape) == 4 else shape[-1]
        return np.resize(self._pool, shape) * np.float32(1.0 / np.sqrt(inputs))


class GivenWeights(Weights):
    """The weights of a model that exists.

    Args:
        values: `AsrModel.state_dict()` as numpy arrays.
    """

    def __init__(self, values: Mapping[str, Floats]) -> None:
        self._values = values

    def take(self, name: str, shape: tuple[int, ...]) -> Floats:
        """See `Weights.take`."""
        value = self._values.get(name)
        if value is None or value.shape != shape:
            found = "none of that name" if value is None else f"one of shape {value.shape}"
            raise UserError(
                f"a network's weights must have {name!r} of shape {shape}, but have {found}; "
                "take them from an AsrModel of the same cell, macro network and semantics"
            )
        return value
