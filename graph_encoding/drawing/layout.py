"""Positions of nodes and edges in a drawing: layers from left to right.

The layer of a node is its longest distance from the input. The nodes of one longest path from input
to output are on row 0, the others on rows below. An edge to the next layer crosses the gutter
between the two; a longer edge follows a track, a height without boxes in the layers between.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from graph_encoding.graph import CellGraph

GUTTER = 58.0
_MIN_BOX_HEIGHT = 40.0
_HEIGHT_OF_EDGE = 6.0
_CHARACTER_WIDTH = 7.9
_MIN_BOX_WIDTH = 76.0
_CLEARANCE = 14.0
"""Pixels between a track and the boxes that it passes: half the space between two rows."""
_TRACK_DISTANCE = 18.0
_PORT_DISTANCE = 7.0
_CROSSING_COST = 60.0
"""Cost of one crossing, in pixels of detour."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """A node; all boxes of a drawing have one size.

    Attributes:
        label: its text.
        x: its left side, in pixels.
        y: its vertical centre, in pixels; up is negative.
    """

    label: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Line:
    """An edge.

    Attributes:
        source: node where it begins.
        target: node where it ends.
        multiplicity: how often the value is added, >= 1.
        points: its begin, the begin and end of its track (if any), and its end. It is curved
            outside the track.
    """

    source: int
    target: int
    multiplicity: int
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """All positions of a drawing.

    Attributes:
        boxes: (v,) one per node.
        lines: (e,) one per edge.
        box_width: of each box, in pixels.
        box_height: of each box, in pixels; larger where many edges share one.
    """

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    box_width: float
    box_height: float


def node_labels(graph: CellGraph) -> tuple[str, ...]:
    """Text of each node: its number and operation, and whether it has an input."""
    fed = {target for _, target, _ in graph.edges}
    used = {source for source, _, _ in graph.edges}
    last = len(graph.ops) - 1
    terms = (
        f"{i} {op.name}" + ("" if i in fed else "(0)")
        for i, op in enumerate(graph.ops[1:-1], start=1)
    )
    return (
        "input" if 0 in used else "input (unused)",
        *terms,
        "output" if last in fed else "output = 0",
    )


def edge_label(multiplicity: int) -> str:
    """Text beside an edge: empty for a value that is added once."""
    return f"x{multiplicity}" if multiplicity > 1 else ""


def layout_of(graph: CellGraph) -> Layout:
    """Place a graph's nodes and edges."""
    labels = node_labels(graph)
    layers = _layers(graph)
    edges_of_box = Counter([("out", s) for s, _, _ in graph.edges])
    edges_of_box += Counter([("in", t) for _, t, _ in graph.edges])
    most = max(edges_of_box.values(), default=0)
    height = max(_MIN_BOX_HEIGHT, _HEIGHT_OF_EDGE * (most + 2))
    heights = [(height + 2 * _CLEARANCE) * row for row in _rows(graph, layers)]
    levels = _levels(graph, layers, heights, height / 2 + _CLEARANCE)
    width = max(_MIN_BOX_WIDTH, max(map(len, labels)) * _CHARACTER_WIDTH + 20)
    lefts = [layer * (width + GUTTER) for layer in layers]
    starts, ends = _ports(levels, heights, height)
    lines = []
    for source, target, multiplicity in graph.edges:
        level = levels[source, target]
        begin = (lefts[source] + width, starts[source, target])
        end = (lefts[target], ends[source, target])
        # An edge to the next layer has no track.
        on_track = (
            ((begin[0] + GUTTER, level[1]), (end[0] - GUTTER, level[-2])) if len(level) > 2 else ()
        )
        lines.append(Line(source, target, multiplicity, (begin, *on_track, end)))
    boxes = tuple(Box(*place) for place in zip(labels, lefts, heights, strict=True))
    return Layout(boxes, tuple(lines), width, height)


def _layers(graph: CellGraph) -> list[int]:
    """Layer of each node: one more than its sources' highest; the output's is the last."""
    layers = [0, *[1] * (len(graph.ops) - 1)]
    # Edges are sorted by source, so that a source's layer is known.
    for source, target, _ in graph.edges:
        layers[target] = max(layers[target], 1 + layers[source])
    layers[-1] = 1 + max(layers[:-1])
    return layers


def _rows(graph: CellGraph, layers: list[int]) -> list[int]:
    """Row of each node in its layer: 0 on one longest path to the output, below it for others."""
    before: list[list[int]] = [[] for _ in graph.ops]
    for source, target, _ in graph.edges:
        if layers[source] == layers[target] - 1:
            before[target].append(source)

    rows = {0: 0}
    node = len(graph.ops) - 1
    while node:
        rows[node] = 0
        # A node without an input is on no path from the input, so it comes last.
        node = min(before[node], key=lambda source: (not before[source], source), default=0)
    for node in range(1, len(graph.ops)):
        if node in rows:
            continue
        taken = {row for other, row in rows.items() if layers[other] == layers[node]}
        wanted = max([1, *(rows[source] for source in before[node])])
        rows[node] = next(r for r in (wanted, *range(1, len(graph.ops))) if r not in taken)
    return [rows[node] for node in range(len(graph.ops))]


_Levels = dict[tuple[int, int], tuple[float, ...]]
"""Height of each edge (source, target) at its source, in each layer that it passes, and at its
target."""


def _levels(graph: CellGraph, layers: list[int], heights: list[float], room: float) -> _Levels:
    """Heights of each edge; tracks are chosen greedily, for the shortest long edges first."""
    pairs = [(source, target) for source, target, _ in graph.edges]
    pairs.sort(key=lambda pair: (layers[pair[1]] - layers[pair[0]], pair))
    levels: _Levels = {}
    for source, target in pairs:
        ends = (heights[source], heights[target])
        passed = range(layers[source] + 1, layers[target])
        if passed:
            boxes = [h for h, layer in zip(heights, layers, strict=True) if layer in passed]
            tracks = [
                level[1]
                for (s, t), level in levels.items()
                if len(level) > 2 and layers[s] < layers[target] and layers[source] < layers[t]
            ]
            best = min(
                _free_heights(ends, boxes, tracks, room),
                key=lambda y: (
                    abs(ends[0] - y)
                    + abs(ends[1] - y)
                    + _CROSSING_COST
                    * _crossings(levels, layers, source, (ends[0], *[y] * len(passed), ends[1])),
                    y,
                ),
            )
            levels[source, target] = (ends[0], *[best] * len(passed), ends[1])
        else:
            levels[source, target] = ends
    return levels


def _free_heights(
    ends: tuple[float, float], boxes: list[float], tracks: list[float], room: float
) -> list[float]:
    """Candidate heights of a track that are free of boxes and of other tracks."""
    beside_boxes = [box + side * room for box in boxes for side in (-1, 1)]
    beside_tracks = [track + side * _TRACK_DISTANCE for track in tracks for side in (-1, 1)]
    return [
        y
        for y in (*ends, *beside_boxes, *beside_tracks)
        if all(abs(y - box) >= room for box in boxes)
        and all(abs(y - track) >= _TRACK_DISTANCE for track in tracks)
    ]


def _crossings(levels: _Levels, layers: list[int], source: int, level: tuple[float, ...]) -> int:
    """Number of placed edges that a further one would cross; all crossings are in gutters."""
    crossings = 0
    first = layers[source]
    for (other, _), other_level in levels.items():
        for gutter, (left, right) in enumerate(pairwise(level), start=first):
            i = gutter - layers[other]
            if 0 <= i < len(other_level) - 1:
                crossings += (left - other_level[i]) * (right - other_level[i + 1]) < 0
    return crossings


_Ports = dict[tuple[int, int], float]


def _ports(levels: _Levels, heights: list[float], box_height: float) -> tuple[_Ports, _Ports]:
    """Heights at which edges leave and reach their boxes, in the order of their levels.

    A horizontal edge is at the centre of the box.
    """
    starts: _Ports = {}
    ends: _Ports = {}
    for node, middle in enumerate(heights):
        leaving = {pair: level[1] for pair, level in levels.items() if pair[0] == node}
        reaching = {pair: level[-2] for pair, level in levels.items() if pair[1] == node}
        for ports, going in ((starts, leaving), (ends, reaching)):
            upwards = sorted((p for p in going if going[p] < middle), key=lambda p: -going[p])
            downwards = sorted((p for p in going if going[p] > middle), key=going.__getitem__)
            most = max(len(upwards), len(downwards), 1)
            distance = min(_PORT_DISTANCE, (box_height / 2 - 5) / most)
            ports |= {p: middle for p in going if going[p] == middle}
            ports |= {p: middle - distance * i for i, p in enumerate(upwards, start=1)}
            ports |= {p: middle + distance * i for i, p in enumerate(downwards, start=1)}
    return starts, ends
