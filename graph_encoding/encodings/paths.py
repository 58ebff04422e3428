"""Counts of operation sequences on paths from input to output."""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graph_encoding.encodings.base import GroupEncoding
from graph_encoding.encodings.stacked_graphs import GREATEST, DenseGraphs, to_float32
from graph_encoding.ops import NB_ASR_OPS

_OTHER = "other"


class PathEncoding(GroupEncoding):
    """Number of paths from input to output per sequence of operations.

    A path through an edge of multiplicity m counts m times. Paths of more than `max_length`
    operations are counted in `path/longer`; other operations than `ops` count as `other`.

    Args:
        max_length: longest sequence with a column of its own.
        ops: operations that sequences distinguish.

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

    def encode_group(self, group: DenseGraphs) -> NDArray[np.float32]:
        """Extend the paths of all graphs at once, by one operation per round."""
        other = self._letters - 1
        letters = np.array([self._number_of_op.get(op.name, other) for op in group.ops])
        letter_NV = letters[group.op_index]
        last = group.nodes - 1
        n = len(group.rows)
        place_N = np.arange(n)
        counts = np.zeros((n, len(self._columns)))
        first, width = 0, 1
        feeds_output = {node for node, _ in group.sources[last]}
        # By node, the number of paths to it per sequence of this length; a sequence is numbered
        # in the base of the alphabet's size.
        ways_to = {0: np.ones((n, 1))}
        for length in range(self._max_length + 1):
            further: dict[int, NDArray[np.float64]] = {}
            for node, ways_NS in ways_to.items():
                for target, weight_N in group.targets[node]:
                    # Below infinity, from which counts cannot be subtracted.
                    through_NS = np.minimum(ways_NS * weight_N[:, None], GREATEST)
                    if target == last:
                        counts[:, first : first + width] += through_NS
                    elif length + 1 < self._max_length or (
                        length < self._max_length and target in feeds_output
                    ):
                        if target not in further:
                            further[target] = np.zeros((n, width, self._letters))
                        further[target][place_N, :, letter_NV[:, target]] += through_NS
            first += width
            width *= self._letters
            ways_to = {node: spelt.reshape(n, width) for node, spelt in further.items()}
        # Rounding of very large counts can make the rest negative.
        all_paths_N = group.path_counts.at_node(last).float64
        counts[:, -1] = np.maximum(all_paths_N - counts.sum(axis=1), 0.0)
        return to_float32(counts)
