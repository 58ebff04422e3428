"""Computing a network from its plan, layer by layer."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from graph_encoding.functional_identity import Sum
from graph_encoding.network_plan import Layer


def run_plan(
    layers: Sequence[Layer], features: Tensor, compute: Callable[[int, Tensor], Tensor]
) -> Tensor:
    """The output of the last layer.

    Args:
        layers: the plan of the network.
        features: the network's input.
        compute: called with the index of a layer and its input, returns its output.
    """
    values = {0: features}
    for i, layer in enumerate(layers):
        value = compute(i, _weighted_sum(values, layer.sources))
        if not layer.operation:
            # Nothing reads an earlier value after this one: free their memory.
            values.clear()
        values[i + 1] = value
    return value


def _weighted_sum(values: dict[int, Tensor], sources: Sum) -> Tensor:
    total: Tensor | None = None
    for number, multiplicity in sources:
        value = values[number] if multiplicity == 1 else values[number] * multiplicity
        total = value if total is None else total + value
    # All values of a cell have one shape.
    return torch.zeros_like(next(iter(values.values()))) if total is None else total
