"""Graphs as self-contained SVG: no script, style sheet or font.

All colours have contrast on white and near-black pages: text has a filled background, and lines
are middle grey.
"""

from html import escape
from itertools import pairwise

from graph_encoding.drawing.layout import (
    GUTTER,
    Box,
    Layout,
    Line,
    Point,
    edge_label,
    layout_of,
)
from graph_encoding.graph import CellGraph
from graph_encoding.ops import Operation, OpKind

_MARGIN = 12.0
_ARROW = 8.0
_FONT = "ui-monospace,Menlo,Consolas,DejaVu Sans Mono,monospace"
_LINE = "#7d8590"
_INK = "#16202c"
_GREY = "#e3e6ea"
_COLOURS: dict[OpKind, tuple[str, str]] = {
    "input": ("#cfd5dc", "#57606a"),
    "output": ("#cfd5dc", "#57606a"),
    "linear": ("#fde3b3", "#b0730f"),
    "gated_linear": ("#fbcdb0", "#b8551a"),
    "conv": ("#cbe0fb", "#2f6fc4"),
    "conv2d": ("#cbe0fb", "#2f6fc4"),
    "graph_conv": ("#e2d3f8", "#7d4fc3"),
    "max_pool": ("#c9ecd2", "#2e8548"),
    "avg_pool": ("#c9ecd2", "#2e8548"),
}
"""(fill, edge) of a box; other kinds are grey. No information is in the colour alone."""


def svg_of_graph(graph: CellGraph) -> str:
    """Draw a graph as one SVG element."""
    layout = layout_of(graph)
    left, top, width, height = _frame(layout)
    parts = [
        *(_path(line) for line in layout.lines),
        *(_node(box, op, layout) for box, op in zip(layout.boxes, graph.ops, strict=True)),
        *_multiplicities(layout),
    ]
    name = escape(f"Cell: {graph.key}", quote=True)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{name}" '
        f'viewBox="{_n(left)} {_n(top)} {_n(width)} {_n(height)}" '
        f'width="{_n(width)}" height="{_n(height)}" '
        f'font-family="{_FONT}" font-size="13" text-anchor="middle">'
    )
    return "\n".join([head, f"<title>{name}</title>", *parts, "</svg>\n"])


def curve_points(line: Line) -> tuple[Point, ...]:
    """End and control points of a line's cubic pieces and straight track, in order.

    Returns:
        1 + 3 k points of k cubic Bezier pieces, each beginning where the one before ends.
    """
    points = [line.points[0]]
    for (x, y), (to_x, to_y) in pairwise(line.points):
        half = (x + to_x) / 2
        points += [(half, y), (half, to_y), (to_x, to_y)]
    return tuple(points)


def _path(line: Line) -> str:
    begin, *rest = curve_points(line)
    end_x, end_y = line.points[-1]
    # The line ends inside the arrowhead, so that it does not extend past the tip.
    rest[-1] = (end_x - _ARROW / 2, end_y)
    curves = " ".join(
        "C" + " ".join(_point(point) for point in rest[i : i + 3]) for i in range(0, len(rest), 3)
    )
    head = " ".join(
        _point(point)
        for point in (
            (end_x, end_y),
            (end_x - _ARROW, end_y - _ARROW / 2),
            (end_x - _ARROW, end_y + _ARROW / 2),
        )
    )
    return (
        f'<path d="M{_point(begin)} {curves}" fill="none" stroke="{_LINE}" stroke-width="1.6"/>'
        f'<polygon points="{head}" fill="{_LINE}"/>'
    )


def _node(box: Box, op: Operation, layout: Layout) -> str:
    fill, edge = _COLOURS.get(op.kind, (_GREY, _LINE))
    width, height = layout.box_width, layout.box_height
    label = escape(box.label)
    return (
        f"<g><title>{escape(_description(op, box.label))}</title>"
        f'<rect x="{_n(box.x)}" y="{_n(box.y - height / 2)}" width="{_n(width)}" '
        f'height="{_n(height)}" rx="7" fill="{fill}" stroke="{edge}" stroke-width="1.4"/>'
        f'<text x="{_n(box.x + width / 2)}" y="{_n(box.y + 4.5)}" fill="{_INK}">{label}</text></g>'
    )


def _description(op: Operation, label: str) -> str:
    if op.kind in ("input", "output"):
        return label
    facts = f"{op.kind}, kernel {op.kernel}, dilation {op.dilation}"
    return f"{label}: {facts}, group scale {op.group_scale}"


def _multiplicities(layout: Layout) -> list[str]:
    """A label on each edge with a multiplicity > 1; labels avoid each other."""
    placed: list[Point] = []
    labels = []
    for line in layout.lines:
        if line.multiplicity == 1:
            continue
        places = _label_places(line, layout.box_width)
        x, y = next((p for p in places if not _near(p, placed)), places[0])
        placed.append((x, y))
        text = edge_label(line.multiplicity)
        width = 8.0 * len(text) + 6
        labels.append(
            f'<rect x="{_n(x - width / 2)}" y="{_n(y - 8)}" width="{_n(width)}" height="16" '
            f'rx="8" fill="#fff" stroke="{_LINE}"/>'
            f'<text x="{_n(x)}" y="{_n(y + 4)}" font-size="12" fill="{_INK}">{text}</text>'
        )
    return labels


def _label_places(line: Line, box_width: float) -> list[Point]:
    """Possible positions of a label: beside boxes on a track, else on the curve."""
    if len(line.points) > 2:
        (left, y), (right, _) = line.points[1:3]
        pitch = box_width + GUTTER
        passed = round((right - left + GUTTER) / pitch)
        middles = [left + box_width / 2 + i * pitch for i in range(passed)]
        return sorted(
            ((x, y) for x in middles), key=lambda place: abs(place[0] - (left + right) / 2)
        )
    (left, y), (right, to_y) = line.points
    # (share of the width, share of the height) of points on the curve.
    shares = ((0.5, 0.5), (0.35, 0.22776), (0.65, 0.77224))
    return [(left + (right - left) * across, y + (to_y - y) * up) for across, up in shares]


def _near(point: Point, others: list[Point]) -> bool:
    return any(abs(point[0] - x) < GUTTER / 2 and abs(point[1] - y) < 16 for x, y in others)


def _frame(layout: Layout) -> tuple[float, float, float, float]:
    """Left, top, width and height of everything, with a margin."""
    heights = [y for line in layout.lines for _, y in line.points]
    middles = [box.y for box in layout.boxes]
    top = min([*heights, *(y - layout.box_height / 2 for y in middles)]) - _MARGIN
    bottom = max([*heights, *(y + layout.box_height / 2 for y in middles)]) + _MARGIN
    right = max(box.x for box in layout.boxes) + layout.box_width + _MARGIN
    return -_MARGIN, top, right + _MARGIN, bottom - top


def _point(point: Point) -> str:
    return f"{_n(point[0])} {_n(point[1])}"


def _n(value: float) -> str:
    """A number for SVG, rounded to a tenth of a pixel."""
    return f"{round(value, 1):g}"
