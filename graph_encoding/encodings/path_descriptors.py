"""Sums of operation descriptors along the paths from input to output."""

import math

import numpy as np
from numpy.typing import NDArray

from graph_encoding.encodings.base import PathSumEncoding, PathSums
from graph_encoding.encodings.stacked_graphs import DenseGraphs
from graph_encoding.ops import Operation

_DESCRIPTORS = ("operations", "dense", "kernel", "span", "dilated_span", "log_groups")
_WIDE = ("kernel", "dilation", "stride", "expansion")
"""Sizes whose logarithms are summed too where operations differ much."""


def _describe(op: Operation) -> tuple[float, ...]:
    """Descriptors of one operation; see `_DESCRIPTORS`."""
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


class PathDescriptorEncoding(PathSumEncoding):
    """Minimum, maximum and mean over all paths of the sum of operation descriptors.

    The sums of `span` are receptive fields, those of `operations` are depths. A path through an
    edge of multiplicity m counts as m paths. A graph without a path from input to output has zeros.
    Defined for any size and any operation.

    Args:
        wide: whether logarithms of kernel, dilation, stride and expansion are summed too.
    """

    def __init__(self, *, wide: bool = False) -> None:
        self._wide = wide
        names = (*_DESCRIPTORS, *(f"log_{field}" for field in _WIDE * wide))
        self._columns = tuple(
            f"path_descriptor/{name}:{pooled}"
            for pooled in ("min", "max", "mean")
            for name in names
        )

    def _quantities(self, op: Operation) -> list[float]:
        return [*_describe(op), *(math.log(getattr(op, field)) for field in _WIDE * self._wide)]

    def encode_sums(self, group: DenseGraphs, sums: PathSums) -> NDArray[np.float32]:  # noqa: ARG002
        """The three sums of each descriptor."""
        pooled = np.concatenate([sums.least, sums.greatest, sums.mean], axis=1)
        return np.where(np.isfinite(pooled), pooled, np.float32(0.0))
