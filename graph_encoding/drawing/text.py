"""Graphs as text: boxes below each other, with skip connections on lanes at the side."""

from dataclasses import dataclass

from graph_encoding.drawing.layout import edge_label, node_labels
from graph_encoding.graph import CellGraph

_LANE_WIDTH = 3


@dataclass(frozen=True, slots=True)
class _Lane:
    """The line from a node to its targets that are not directly below it.

    Attributes:
        source: the node.
        arrivals: row of each target -> multiplicity.
        first: row where it begins, from the top of the drawing.
        column: index of the lane, from the boxes.
    """

    source: int
    arrivals: dict[int, int]
    first: int
    column: int

    @property
    def last(self) -> int:
        """Row where it ends."""
        return max(self.arrivals)


def text_of_graph(graph: CellGraph) -> str:
    """Draw a graph as lines of text."""
    labels = node_labels(graph)
    skips = [edge for edge in graph.edges if edge[1] != edge[0] + 1]
    tops = _tops(len(labels), skips)
    lanes = _lanes(skips, tops)
    width = max(map(len, labels)) + 4
    canvas = _Canvas()
    for node, label in enumerate(labels):
        canvas.box(tops[node], tops[node + 1] - 1, width, label)
    for source, target, multiplicity in graph.edges:
        if target == source + 1:
            canvas.step(tops[target], width, edge_label(multiplicity))
    gap = 2 + max((len(edge_label(m)) for lane in lanes for m in lane.arrivals.values()), default=0)
    for lane in lanes:
        canvas.lane(lane, width - 1, width + gap + _LANE_WIDTH * lane.column)
    return canvas.text


def _tops(nodes: int, skips: list[tuple[int, int, int]]) -> list[int]:
    """Top row of each node's box, and the row below the last one.

    A box has one inner row per value that arrives on a lane, and one for its own lane.
    """
    leaving = {source for source, _, _ in skips}
    tops = [0]
    for node in range(nodes):
        arriving = sum(target == node for _, target, _ in skips)
        tops.append(tops[-1] + 2 + max(1, arriving + (node in leaving)))
    return tops


def _lanes(skips: list[tuple[int, int, int]], tops: list[int]) -> list[_Lane]:
    """A lane per source; shorter ones are nearer to the boxes, so that few lines cross."""
    targets_of: dict[int, dict[int, int]] = {}
    for source, target, multiplicity in skips:
        targets_of.setdefault(source, {})[target] = multiplicity
    by_length = sorted(targets_of, key=lambda source: (max(targets_of[source]) - source, source))
    free_row = {target: tops[target] + 1 for _, target, _ in skips}
    lanes: list[_Lane] = []
    for source in by_length:
        arrivals = {}
        for target, multiplicity in targets_of[source].items():
            arrivals[free_row[target]] = multiplicity
            free_row[target] += 1
        first, last = tops[source + 1] - 2, max(arrivals)
        taken = {lane.column for lane in lanes if lane.first <= last and first <= lane.last}
        column = min(set(range(len(taken) + 1)) - taken)
        lanes.append(_Lane(source, arrivals, first, column))
    return lanes


class _Canvas:
    """Characters by row and column."""

    def __init__(self) -> None:
        self._signs: dict[tuple[int, int], str] = {}

    @property
    def text(self) -> str:
        """All rows, without spaces at their ends."""
        height = 1 + max(row for row, _ in self._signs)
        width = 1 + max(column for _, column in self._signs)
        rows = (
            "".join(self._signs.get((row, column), " ") for column in range(width))
            for row in range(height)
        )
        return "\n".join(row.rstrip() for row in rows)

    def box(self, top: int, bottom: int, width: int, label: str) -> None:
        """Draw a box with a label in the middle of its height."""
        self._put(top, 0, "┌" + "─" * (width - 2) + "┐")
        for row in range(top + 1, bottom):
            self._put(row, 0, "│" + " " * (width - 2) + "│")
        self._put((top + bottom) // 2, 2, label)
        self._put(bottom, 0, "└" + "─" * (width - 2) + "┘")

    def step(self, top: int, width: int, label: str) -> None:
        """Draw the arrow from the box that ends above a row to the one that begins there."""
        middle = width // 2
        self._put(top - 1, middle, "┬")
        self._put(top, middle, f"▼{label}")

    def lane(self, lane: _Lane, border: int, column: int) -> None:
        """Draw a lane: out of its source's box, down, and into each target's box."""
        self._put(lane.first, border, "├")
        self._across(lane.first, border, column)
        self._put(lane.first, column, "╮")
        for row in range(lane.first + 1, lane.last):
            self._put(row, column, "┼" if (row, column) in self._signs else "│")
        for row, multiplicity in lane.arrivals.items():
            self._across(row, border, column)
            self._put(row, border, f"◄{edge_label(multiplicity)}")
            self._put(row, column, "╯" if row == lane.last else "┤")

    def _across(self, row: int, left: int, right: int) -> None:
        for column in range(left + 1, right):
            self._put(row, column, "┼" if (row, column) in self._signs else "─")

    def _put(self, row: int, column: int, text: str) -> None:
        for i, sign in enumerate(text):
            self._signs[row, column + i] = sign
