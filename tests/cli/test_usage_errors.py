"""A wrong command line gets one message: all that is missing, and what was probably meant."""

from pathlib import Path

import pytest

from graph_encoding.cell import Cell
from graph_encoding.graph import cell_graph
from graph_encoding.interop.graph_file import GraphRow, write_graphs
from tests.cli.conftest import Run


def usage_error(run: Run, *arguments: object) -> str:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    return err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("table", "build"), "Missing argument 'DIR', option '--out'."),
        (("collect", "run"), "Missing argument 'CONFIG', option '--corpus', option '--out'."),
        (("collect", "timit-micro", "--out", "x"), "Missing option '--corpus'."),
    ],
)
def test_all_that_is_missing_is_named_at_once(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    assert usage_error(run, *arguments) == f"Error: {message}"


def test_help_needs_no_arguments(run: Run) -> None:
    assert run("collect", "run", "--help")[0] == 0


@pytest.mark.parametrize(
    ("word", "meant"), [("forecast", "predict"), ("predct", "predict"), ("train", "collect")]
)
def test_the_command_that_was_probably_meant(run: Run, word: str, meant: str) -> None:
    message = f"Error: No such command {word!r}. Did you mean {meant!r}?"
    assert usage_error(run, word) == message


def graphs_with(path: Path, *labels: str) -> Path:
    rows = [
        GraphRow(cell_graph(Cell.parse(text)), dict.fromkeys(labels, i + 0.5), {})
        for i, text in enumerate(("00", "01", "10", "11", "20", "21"))
    ]
    write_graphs(path, rows)
    return path


def test_a_graph_file_of_several_labels_needs_all_of_this(run: Run, tmp_path: Path) -> None:
    path = graphs_with(tmp_path / "g.jsonl", "accuracy", "loss")
    error = usage_error(run, "benchmark", "--graphs", path)
    assert "needs --target, one of its labels accuracy, loss; and --direction, minimise" in error


def test_the_only_label_of_a_graph_file_is_taken(run: Run, tmp_path: Path) -> None:
    path = graphs_with(tmp_path / "g.jsonl", "accuracy")
    error = usage_error(run, "benchmark", "--graphs", path)
    assert "needs --direction" in error
    assert "--target" not in error
