"""Every name of `nasasr` is there, is the library's own, and costs nothing before its first use."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nasasr as nr
import surrogate
from graph_encoding import Cell, DeadCellError


def test_every_name_loads_and_types_agree() -> None:
    tree = ast.parse(Path(nr.__file__).read_text(encoding="utf-8"))
    typed = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module != "typing"
        for alias in node.names
    }
    assert typed == set(nr.__all__) == set(dir(nr))
    for name in nr.__all__:
        assert getattr(nr, name) is not None
    assert (nr.Cell, nr.DeadCellError) == (Cell, DeadCellError)
    assert nr.__version__ == surrogate.__version__


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(AttributeError, match="it has Answer, Benchmark"):
        nr.Forcaster  # noqa: B018


def test_the_import_loads_nothing_of_the_library() -> None:
    code = "import sys, nasasr; print([m for m in ('graph_encoding', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_module_is_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nasasr", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"nasasr {surrogate.__version__}\n")
