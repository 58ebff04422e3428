"""Fuzzing of what says which graph is meant: cells, files of cells, files of graphs."""

import json
from pathlib import Path

from hypothesis import strategies as st

from graph_encoding import Cell, nasbench101, nasbench201, nasbench_graph
from graph_encoding.interop.graph_file import read_graphs
from graph_encoding.semantics import Semantics
from surrogate.cli.options import read_cells
from tests.fuzz.helpers import changed_bytes, changed_values, fuzz, plain_values, read_or_refuse
from train_benchmark.collecting.cell_choice import FileOfCells, choose_cells

TEXTS = ("10_100_1000", "conv3:0_410", "01_max_pool3:11_conv5d3:001", "51_500_5000")
CELL_FILE = b"# cells\n10_100_1000\nconv3:0_410  # three\n\n01_111_2111\n"
ROWS = (
    {
        "key": "a",
        "ops": ["input", "conv5", "mine", "output"],
        "edges": [[0, 1], [1, 2], [2, 3], [0, 3], [0, 3]],
        "targets": {"accuracy": 0.93},
        "features": {"mflops": 12.5},
        "operations": {"mine": {"kind": "conv", "kernel": 13, "dilation": 2}},
    },
    {
        "key": "b",
        "ops": ["output", "linear", "input"],
        "edges": [[2, 1], [1, 0]],
        "targets": {"accuracy": 0.9},
        "features": {"mflops": 2},
    },
)


def _check_text(text: str) -> None:
    def parsed_text_comes_back() -> None:
        cell = Cell.parse(text)
        assert Cell.parse(cell.text) == cell

    read_or_refuse(parsed_text_comes_back)


def test_texts_of_cells() -> None:
    near = st.sampled_from(TEXTS).flatmap(
        lambda text: changed_bytes(text.encode()).map(lambda b: b.decode("latin-1"))
    )
    of_grammar = st.text(alphabet="0123456_:convdlinearg \n\u0661", max_size=40)
    fuzz("texts of cells", near | of_grammar | st.text(max_size=20), _check_text)


def _check_value(value: object) -> None:
    for read in (
        Cell.parse,
        Cell.from_flat,
        Cell.from_arch_vec,
        nasbench201,
        lambda v: nasbench101(v, v),
        lambda v: nasbench_graph(v, v),
    ):
        read_or_refuse(lambda read=read: read(value))  # type: ignore[misc]


def test_nested_and_flat_forms() -> None:
    valid = Cell.parse("10_100_1000").arch_vec
    flat = st.lists(st.integers(-1, 6), max_size=15)
    fuzz("values of cells", changed_values(valid) | flat | plain_values, _check_value)


def test_files_of_cells(tmp_path: Path) -> None:
    path = tmp_path / "cells.txt"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        read_or_refuse(lambda: read_cells([], str(path)), tmp_path)
        config = FileOfCells(kind="file", path=Path("cells.txt"))
        read_or_refuse(lambda: choose_cells(config, Semantics.PAPER, tmp_path), tmp_path)

    fuzz("files of cells", changed_bytes(CELL_FILE), check)


def test_files_of_graphs(tmp_path: Path) -> None:
    path = tmp_path / "graphs.jsonl"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        read_or_refuse(lambda: list(read_graphs(path)), tmp_path)

    valid = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    changed = changed_values(list(ROWS)).map(
        lambda rows: "\n".join(
            json.dumps(row) for row in (rows if isinstance(rows, list) else [rows])
        ).encode()
    )
    fuzz("files of graphs", changed_bytes(valid) | changed, check)
