"""The weights of a measured network: drawn at random, or taken from a trained model.

Latency does not depend on the values, so a sweep draws them. A deployed model and the tests of
agreement bring their own.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import prod

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from graph_encoding.network_plan import Layer

Floats = NDArray[np.float32]

_POOL_SIZE = 1 << 20


class Weights(ABC):
    """The weights of a network, by their names in `AsrModel`."""

    @abstractmethod
    def take(self, name: str, shape: tuple[int, ...]) -> Floats:
        """The values of one parameter, which the caller must not change.

        Args:
            name: name in `AsrModel.state_dict()`, such as `blocks.0.reduction.weight`.
            shape: shape there, as `Layer.parameters` has it.

        Raises:
            UserError: if no such parameter exists, or its shape differs.
        """

    def of_layer(self, layer: Layer) -> dict[str, Floats]:
        """The values of all parameters of a layer, by their names within it.

        Raises:
            UserError: as `take` does.
        """
        shapes = layer.parameters
        return {name: self.take(f"{layer.name}.{name}", shape) for name, shape in shapes.items()}


class DrawnWeights(Weights):
    """Random values of the size of a network's initial ones; norms are the identity.

    All values come from one pool. To draw the 75 million of a large paper network anew for every
    cell would take longer than measuring it.

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
    """The weights of an existing model.

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
                "use those of an AsrModel of the same cell, macro network and semantics"
            )
        return value


def as_conv1d(weight_GKIO: Floats) -> Floats:
    """A convolution's weight in the layout of torch and ONNX: (outputs, inputs of a group, kernel).

    Args:
        weight_GKIO: (groups, kernel, inputs of a group, outputs of a group), as in `AsrModel`.
    """
    groups, kernel, inputs, outputs = weight_GKIO.shape
    return weight_GKIO.transpose(0, 3, 2, 1).reshape(groups * outputs, inputs, kernel)
