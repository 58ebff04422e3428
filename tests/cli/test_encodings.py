"""Output and files in UTF-8, whatever encoding the system has."""

import ast
import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from graph_encoding import Cell, GraphRow, read_graphs, write_graphs
from graph_encoding.drawing.draw import draw_text
from graph_encoding.graph import CellGraph
from graph_encoding.ops import INPUT, OUTPUT, Operation
from surrogate.cli import main

ROOT = Path(__file__).parents[2]
STRANGE = ("Свёртка:3", "深さ", 'a"b\\c', "conv[3,3]{s=1}", "x,y;z", "été")

# Stands for a system whose files and pipes have another encoding, as Windows has.
IN_CP1252 = """
import io, sys
for name in ("stdin", "stdout", "stderr"):
    stream = getattr(sys, name)
    setattr(sys, name, io.TextIOWrapper(
        stream.buffer, encoding="cp1252", errors=stream.errors, line_buffering=True))
from surrogate.cli import main
main(sys.argv[1:])
"""


def called(
    *arguments: object, given: bytes = b"", **environment: str
) -> "subprocess.CompletedProcess[bytes]":
    """Run the program where the system's encoding is cp1252."""
    return subprocess.run(
        [sys.executable, "-c", IN_CP1252, *map(str, arguments)],
        input=given,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Graphs of operations whose names no code page has."""
    path = tmp_path_factory.mktemp("graphs") / "граф.jsonl"
    rows = []
    for i in range(36):
        first, second = Operation(STRANGE[i % 6], "other"), Operation(STRANGE[i // 6], "other")
        graph = CellGraph(
            (INPUT, first, second, OUTPUT), ((0, 1, 1), (1, 2, 1), (2, 3, 1)), f"ключ {i}"
        )
        rows.append(GraphRow(graph, {"acc": i % 6 + 0.1 * i}, {}))
    write_graphs(path, rows)
    return path


def test_a_drawing_goes_to_a_pipe_in_utf8() -> None:
    done = called("cell", "10_110_1010", "--draw", "text")
    assert done.returncode == 0, done.stderr
    expected = draw_text(Cell.parse("10_110_1010"))
    assert done.stdout.decode("utf-8").rstrip().endswith(expected.rstrip())


@pytest.mark.parametrize("form", ["csv", "json", "table"])
def test_a_benchmark_of_strange_names_goes_to_a_pipe_in_utf8(
    graphs: Path, tmp_path: Path, form: str
) -> None:
    out = tmp_path / "выход"
    done = called(
        *("benchmark", "--graphs", graphs, "--target", "acc", "--direction", "maximise"),
        *("--train-sizes", 20, "--repeats", 1, "--predictors", "mean"),
        *("--protocols", "leave-operation-out", "--format", form, "--out", out),
    )
    assert done.returncode == 0, done.stderr.decode()
    text = done.stdout.decode("utf-8")
    details = text.split()
    if form != "table":
        rows = json.loads(text) if form == "json" else csv.DictReader(io.StringIO(text))
        details = [row["detail"] for row in rows]
    assert any("Свёртка:3" in detail for detail in details)
    assert f"wrote {out}" in done.stderr.decode("utf-8")
    assert "граф.jsonl" in (out / "report.html").read_text(encoding="utf-8")
    assert json.loads((out / "config.json").read_text(encoding="utf-8"))["keys"] == 36


def test_cells_are_read_from_a_pipe_in_utf8() -> None:
    done = called("cell", "--cells", "-", given="10_100_1000 # é, Свёртка Б\n".encode())
    assert done.returncode == 0, done.stderr


def test_pictures_in_a_folder_are_utf8(tmp_path: Path) -> None:
    done = called("cell", "10_110_1010", "--draw", "text", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    (file,) = tmp_path.iterdir()
    expected = draw_text(Cell.parse("10_110_1010"))
    assert file.read_text(encoding="utf-8").rstrip() == expected.rstrip()


@pytest.mark.parametrize("encoding", ["cp1252", "iso8859-1", "cp1251:strict"])
def test_an_encoding_that_the_user_chose_and_that_lacks_a_character_is_a_message(
    encoding: str,
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "surrogate.cli", "cell", "10_110_1010", "--draw", "text"],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding},
    )
    assert done.returncode == 2
    message = done.stderr.decode("ascii")
    assert message.startswith("error: stdout must have an encoding with every character")
    assert encoding.partition(":")[0] in message
    assert "set PYTHONIOENCODING=utf-8" in message
    assert "Traceback" not in message


def test_a_stream_that_is_no_file_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook's stdout has no encoding to change."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SystemExit) as stop:
        main(["cell", "10_110_1010", "--draw", "text"])
    assert stop.value.code == 0
    assert "┌" in stream.getvalue()


def test_a_file_of_graphs_has_the_same_names_back(graphs: Path) -> None:
    names = {op.name for row in read_graphs(graphs) for op in row.graph.ops[1:-1]}
    assert names == set(STRANGE)


def _text_files_without_encoding(tree: ast.AST) -> Iterator[int]:
    """Lines that open, read or write a text file in the encoding of the system."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        of = node.func
        name = of.attr if isinstance(of, ast.Attribute) else getattr(of, "id", "")
        owner = of.value.id if isinstance(of, ast.Attribute) and hasattr(of.value, "id") else ""
        given = [a.value for a in node.args if isinstance(a, ast.Constant)]
        if name not in ("open", "read_text", "write_text", "fdopen") or owner in ("os", "wave"):
            continue
        binary = name == "open" and any(isinstance(v, str) and "b" in v for v in given)
        named = "encoding" in {k.arg for k in node.keywords} or (
            name == "read_text" and any(isinstance(v, str) for v in given)
        )
        if not (binary or named):
            yield node.lineno


@pytest.mark.parametrize("package", ["graph_encoding", "surrogate", "train_benchmark"])
def test_every_text_file_is_opened_with_its_encoding(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line in _text_files_without_encoding(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


def test_a_file_without_its_encoding_would_be_found() -> None:
    bad = ['p.open("w")', "open(p)", "p.read_text()", "p.write_text(t)"]
    code = "\n".join([*bad, 'p.open("rb")', 'p.read_text("utf-8")', 'open(p, encoding="utf-8")'])
    assert list(_text_files_without_encoding(ast.parse(code))) == [1, 2, 3, 4]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names of files are text there")
def test_a_name_of_a_file_that_is_no_utf8_is_shown(tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    done = called("corpus", "check", name)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"error: ")
    assert b"caf\\udce9 does not exist" in done.stderr
    pytest.importorskip("soundfile", reason="needs the train extra: pip install 'nasasr[train]'")
    folder = Path(name, "TRAIN/DR1/FCJF0")
    folder.mkdir(parents=True)
    (folder / "SX1.PHN").write_text("0 9000 h#\n")
    done = called("corpus", "check", name)
    assert (done.returncode, done.stderr) == (1, b"")
    assert os.fsencode(name) + b": 0 utterances" in done.stdout
