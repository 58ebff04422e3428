"""What operations add up to along the paths from input to output."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graph_encoding.encodings.base import Encoding
from graph_encoding.encodings.stacked_graphs import dense_graphs, path_sums
from graph_encoding.graph import CellGraph
from graph_encoding.ops import Operation

_DESCRIPTORS = ("operations", "dense", "kernel", "span", "dilated_span", "log_groups")


def _describe(op: Operation) -> tuple[float, ...]:
    """Numbers that add up along a path; see `_DESCRIPTORS`."""
    if op.kind in ("input", "output"):
        return (0.0,) * len(_DESCRIPTORS)
    return (
        1.0,
        float(op.kind in ("linear", "gated_linear")),
        op.kernel - 1.0,
        op.span - 1.0,
        (op.span - 1.0) * (op.dilation > 1),
        math.log(op.group_scale),
    )


class PathDescriptorEncoding(Encoding):
    """Least, greatest and mean sum of operation descriptors over all paths.

    The sums of `span` are receptive fields, those of `operations` depths. The mean counts a path
    through an edge of multiplicity m as m paths. A graph without a path from input to output has
    zeros. Defined for any size and any operation.
    """

    @property
    def columns(self) -> tuple[str, ...]:
        """Three columns for each descriptor."""
        return tuple(
            f"path_descriptor/{name}:{pooled}"
            for pooled in ("min", "max", "mean")
            for name in _DESCRIPTORS
        )

    def encode(self, graphs: Sequence[CellGraph]) -> NDArray[np.float32]:
        """Encode n graphs as a matrix of shape (n, 18)."""
        encoded = np.zeros((len(graphs), 3 * len(_DESCRIPTORS)), dtype=np.float32)
        for group in dense_graphs(graphs):
            described = np.array([_describe(op) for op in group.ops], dtype=np.float32)
            pooled = np.concatenate(path_sums(group, described[group.op_index]), axis=1)
            encoded[group.rows] = np.where(np.isfinite(pooled), pooled, 0.0)
        return encoded
