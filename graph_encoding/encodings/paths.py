"""Counts of the operation sequences met on the way from input to output."""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graph_encoding.dense import DenseGraphs, dense_graphs
from graph_encoding.encodings.base import Encoding
from graph_encoding.graph import CellGraph
from graph_encoding.ops import NB_ASR_OPS

_OTHER = "other"


class PathEncoding(Encoding):
    """How many paths from input to output spell each sequence of operations.

    A path through an edge of multiplicity m counts m times. Paths of more than `max_length`
    operations are counted in `path/longer`; operations outside `ops` read as `other`.

    Args:
        max_length: longest sequence with a column of its own.
        ops: operations with a name of their own in the sequences.

    Source: White et al., "BANANAS", AAAI 2021, section 3.1, with counts in place of presence.
    """

    def __init__(self, max_length: int = 3, ops: Sequence[str] = NB_ASR_OPS[:-1]) -> None:
        self._max_length = max_length
        alphabet = (*ops, _OTHER)
        self._number_of_op = {name: i for i, name in enumerate(ops)}
        self._letters = len(alphabet)
        self._columns = (
            *(
                f"path/{'>'.join(path) or 'skip'}"
                for length in range(max_length + 1)
                for path in itertools.product(alphabet, repeat=length)
            ),
            "path/longer",
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """One column a sequence, the shortest first, and one for all longer ones."""
        return self._columns

    def encode(self, graphs: Sequence[CellGraph]) -> NDArray[np.float32]:
        """Encode n graphs as a matrix of shape (n, d)."""
        encoded = np.zeros((len(graphs), len(self._columns)), dtype=np.float32)
        for group in dense_graphs(graphs):
            encoded[group.rows] = self._encode_group(group)
        return encoded

    def _encode_group(self, group: DenseGraphs) -> NDArray[np.float32]:
        """Walk the ways through all graphs at once, one more operation in each round."""
        other = self._letters - 1
        letters = np.array([self._number_of_op.get(op.name, other) for op in group.ops])
        letter_NV = letters[group.op_index]
        last = group.nodes - 1
        n = len(group.rows)
        place_N = np.arange(n)
        counts = np.zeros((n, len(self._columns)), dtype=np.float32)
        first = 0
        # Where ways stand, how many each graph has, and which sequence of this length they spell.
        standing = [(0, np.ones(n, np.float32), np.zeros(n, np.intp))]
        for length in range(self._max_length + 1):
            further = []
            for node, ways_N, sequence_N in standing:
                for target, weight_N in group.targets[node]:
                    through_N = ways_N * weight_N
                    if target == last:
                        counts[place_N, first + sequence_N] += through_N
                    elif length < self._max_length and through_N.any():
                        spelt_N = sequence_N * self._letters + letter_NV[:, target]
                        further.append((target, through_N, spelt_N))
            standing = further
            first += self._letters**length
        # Where paths are too many to be counted exactly, the rest may come out below zero.
        counts[:, -1] = np.maximum(group.path_counts[:, last] - counts.sum(axis=1), 0.0)
        return counts
