"""Pictures of cells: they say all of the graph, are equal for equal functions, and hit no box."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_encoding import Cell, CellGraph, CellSpace, Semantics, cell_graph
from graph_encoding.drawing.draw import draw_svg, draw_text
from graph_encoding.drawing.layout import Layout, Line, Point, edge_label, layout_of, node_labels
from graph_encoding.drawing.svg import curve_points, svg_of_graph
from graph_encoding.drawing.text import text_of_graph
from graph_encoding.interop.adapters import nasbench201
from graph_encoding.ops import BUILT_IN_OPS, INPUT, OUTPUT, Operation
from tests.property.test_encoding_laws import graphs
from tests.unit.graph_encoding.test_cell import cells

ANY_CELL = cells(max_nodes=6, ops=BUILT_IN_OPS)
SEMANTICS = st.sampled_from(Semantics)
SVG = "{http://www.w3.org/2000/svg}"

EXAMPLE = """\
┌─────────┐
│ input   ├──╮
└────┬────┘  │
┌────▼────┐  │
│ 1 conv5 ├──┼──╮
└────┬────┘  │  │
┌────▼────┐  │  │
│ 2 conv5 │  │  │
└────┬────┘  │  │
┌────▼────┐  │  │
│ 3 conv5 ◄──╯  │
└────┬────┘     │
┌────▼────┐     │
│ output  ◄─────╯
└─────────┘"""


def test_a_cell_with_two_skips_is_drawn_so() -> None:
    assert draw_text(Cell.parse("10_110_1010")) == EXAMPLE


def test_the_picture_in_the_documentation_is_of_this_code() -> None:
    """Made by: nasasr cell 10_110_1010 --draw svg > docs/images/cell-10_110_1010.svg."""
    committed = Path(__file__).parents[4] / "docs" / "images" / "cell-10_110_1010.svg"
    assert committed.read_text() == draw_svg(Cell.parse("10_110_1010"))


def test_the_identity_cell_is_one_arrow() -> None:
    once, four_times = (draw_text(Cell.parse(text)) for text in ("51_510_5100", "51_511_5111"))
    assert once.splitlines()[2:4] == ["└────┬───┘", "┌────▼───┐"]
    assert four_times.splitlines()[2:4] == ["└────┬───┘", "┌────▼x4─┐"]


def test_dead_cells_show_that_nothing_is_read() -> None:
    nothing = draw_text(Cell.parse("51_500_5000"))
    assert "input (unused)" in nothing
    assert "output = 0" in nothing
    bias_only = draw_text(Cell.parse("50_100_0000"))
    assert "1 linear(0)" in bias_only
    assert "input (unused)" in bias_only


def boxes_in(rows: list[str]) -> list[range]:
    """Rows of each box of a picture, borders included."""
    starts = [i for i, row in enumerate(rows) if row.startswith("┌")]
    return [range(a, b) for a, b in zip(starts, [*starts[1:], len(rows)], strict=True)]


def edges_in(picture: str) -> set[tuple[int, int, int]]:
    """Read the edges out of a picture, along its lines."""
    rows = [row.ljust(200) for row in picture.splitlines()]
    boxes = boxes_in(rows)
    edges = set()
    for target, box in enumerate(boxes):
        for row in box:
            if match := re.search(r"[▼◄](?:x(\d+))?", rows[row]):
                is_step = match[0][0] == "▼"
                source = target - 1 if is_step else source_of(rows, boxes, row)
                edges.add((source, target, int(match[1] or 1)))
    return edges


def source_of(rows: list[str], boxes: list[range], row: int) -> int:
    """Follow a line from the arrow that it ends in: right, up its lane, left to a box."""
    column = next(c for c, sign in enumerate(rows[row]) if sign in "╯┤")
    row -= 1
    while rows[row][column] != "╮":
        assert rows[row][column] in "│┼┤", "a lane is broken"
        row -= 1
    start = rows[row].index("├")
    assert set(rows[row][start + 1 : column]) <= {"─", "┼"}, "a lane does not begin at its box"
    return next(node for node, box in enumerate(boxes) if row in box)


@given(ANY_CELL, SEMANTICS)
def test_a_text_picture_has_all_edges_of_the_function(cell: Cell, semantics: Semantics) -> None:
    graph = cell_graph(cell, semantics)
    picture = draw_text(cell, semantics)
    assert edges_in(picture) == set(graph.edges)
    assert [label for label in node_labels(graph) if f" {label} " not in picture] == []


@given(graphs())
def test_a_text_picture_has_all_edges_of_any_graph(graph: CellGraph) -> None:
    assert edges_in(text_of_graph(graph)) == set(graph.edges)


@given(ANY_CELL, SEMANTICS)
def test_a_text_picture_fits_a_terminal(cell: Cell, semantics: Semantics) -> None:
    graph = cell_graph(cell, semantics)
    longest = max(len(op.name) for op in graph.ops)
    rows = draw_text(cell, semantics).splitlines()
    assert max(map(len, rows)) <= longest + 30
    assert not any(row.endswith(" ") for row in rows)


@settings(max_examples=50)
@given(st.integers(0, CellSpace().size - 1), SEMANTICS)
def test_equal_functions_have_equal_pictures(index: int, semantics: Semantics) -> None:
    cell = CellSpace().cell(index)
    same = CellSpace().equivalent(cell, semantics)
    assert {draw_text(other, semantics) for other in same} == {draw_text(cell, semantics)}
    assert {draw_svg(other, semantics) for other in same} == {draw_svg(cell, semantics)}


def test_different_functions_have_different_pictures() -> None:
    some = CellSpace().representatives(Semantics.RELEASED, living=False).values()
    assert len({draw_text(cell, Semantics.RELEASED) for cell in some}) == 2099


def samples(line: Line) -> list[Point]:
    """Points along a line as it is drawn."""
    found: list[Point] = []
    points = curve_points(line)
    for i in range(0, len(points) - 1, 3):
        p, q, r, s = points[i : i + 4]
        for step in range(21):
            t = step / 20
            weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t * t, t**3)
            x, y = (
                sum(w * v[axis] for w, v in zip(weights, (p, q, r, s), strict=True))
                for axis in (0, 1)
            )
            found.append((x, y))
    return found


def is_inside(point: Point, layout: Layout, node: int) -> bool:
    box = layout.boxes[node]
    half = layout.box_height / 2
    return box.x < point[0] < box.x + layout.box_width and abs(point[1] - box.y) < half


@given(st.one_of(graphs(), ANY_CELL.map(cell_graph)))
def test_lines_do_not_cross_boxes(graph: CellGraph) -> None:
    layout = layout_of(graph)
    for line in layout.lines:
        for point in samples(line):
            assert not any(is_inside(point, layout, node) for node in range(len(layout.boxes)))


@given(st.one_of(graphs(), ANY_CELL.map(cell_graph)))
def test_lines_begin_and_end_at_their_boxes_each_at_a_place_of_its_own(graph: CellGraph) -> None:
    layout = layout_of(graph)
    assert [(line.source, line.target, line.multiplicity) for line in layout.lines] == [
        *graph.edges
    ]
    ends = []
    for line in layout.lines:
        source, target = layout.boxes[line.source], layout.boxes[line.target]
        begin, end = line.points[0], line.points[-1]
        assert begin[0] == source.x + layout.box_width
        assert end[0] == target.x
        assert abs(begin[1] - source.y) < layout.box_height / 2
        assert abs(end[1] - target.y) < layout.box_height / 2
        ends += [begin, end]
    assert len(set(ends)) == len(ends)


@given(st.one_of(graphs(), ANY_CELL.map(cell_graph)))
def test_boxes_and_tracks_keep_their_distance(graph: CellGraph) -> None:
    layout = layout_of(graph)
    assert len({(box.x, box.y) for box in layout.boxes}) == len(layout.boxes)
    assert {abs(a.y - b.y) for a in layout.boxes for b in layout.boxes if a.x == b.x} <= {
        0.0,
        *(row * (layout.box_height + 28) for row in range(1, len(layout.boxes))),
    }
    tracks = [(*line.points[1], line.points[2][0]) for line in layout.lines if line.points[2:]]
    for i, (left, y, right) in enumerate(tracks):
        for other_left, other_y, other_right in tracks[:i]:
            if left < other_right and other_left < right:
                assert abs(y - other_y) >= 18


@given(ANY_CELL, SEMANTICS)
def test_an_svg_drawing_is_well_formed_and_complete(cell: Cell, semantics: Semantics) -> None:
    graph = cell_graph(cell, semantics)
    root = ET.fromstring(draw_svg(cell, semantics))  # noqa: S314 - it is our own
    assert root.tag == f"{SVG}svg"
    assert root.get("aria-label") == root.findtext(f"{SVG}title") == f"Cell: {graph.key}"
    texts = [text.text for text in root.iter(f"{SVG}text")]
    labels = [edge_label(m) for _, _, m in graph.edges if m > 1]
    assert texts == [*node_labels(graph), *labels]
    assert len(root.findall(f"{SVG}path")) == len(graph.edges)
    assert not any("href" in name or name == "id" for node in root.iter() for name in node.attrib)


@given(st.one_of(graphs(), ANY_CELL.map(cell_graph)))
def test_an_svg_picture_holds_everything_in_its_frame(graph: CellGraph) -> None:
    root = ET.fromstring(svg_of_graph(graph))  # noqa: S314 - it is our own
    left, top, width, height = map(float, str(root.get("viewBox")).split())
    assert (root.get("width"), root.get("height")) == tuple(str(root.get("viewBox")).split()[2:])
    for rect in root.iter(f"{SVG}rect"):
        x, y, w, h = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
        assert left < x and x + w < left + width
        assert top < y and y + h < top + height


def test_names_that_mean_something_in_xml_are_escaped() -> None:
    graph = CellGraph(
        (INPUT, Operation("<a&b>", "other"), OUTPUT), ((0, 1, 1), (1, 2, 1)), '"<a&b>"(x)'
    )
    root = ET.fromstring(svg_of_graph(graph))  # noqa: S314 - it is our own
    assert root.get("aria-label") == 'Cell: "<a&b>"(x)'
    assert [text.text for text in root.iter(f"{SVG}text")][1] == "1 <a&b>"


def test_the_longest_path_stands_on_one_row() -> None:
    layout = layout_of(cell_graph(Cell.parse("10_110_1010")))
    assert {box.y for box in layout.boxes} == {0.0}
    assert [len(line.points) for line in layout.lines] == [2, 4, 2, 4, 2, 2]


def test_cells_of_other_benchmarks_are_drawn_too() -> None:
    graph = nasbench201(
        "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|none~1|avg_pool_3x3~2|"
    )
    assert edges_in(text_of_graph(graph)) == set(graph.edges)
    assert "avg_pool_3x3" in svg_of_graph(graph)


@pytest.mark.parametrize("draw", [draw_text, draw_svg])
def test_the_semantics_decide_the_drawing(draw: Callable[[Cell, Semantics], str]) -> None:
    cell = Cell.parse("10_100_1000")
    assert draw(cell, Semantics.PAPER) != draw(cell, Semantics.RELEASED)
