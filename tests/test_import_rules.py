"""The allowed arrows between the packages, and what an import may cost."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("graph_encoding", "train_benchmark", "surrogate")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MAX_LINES = 400
MAX_FUNCTION_LINES = 60


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imports_of(path: Path) -> set[str]:
    """Absolute names of all modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the arrows"
            found.add(str(node.module))
    return found


def is_below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def test_graph_encoding_stands_alone_and_knows_no_torch() -> None:
    for path in MODULES:
        if not is_below(module_name(path), "graph_encoding") or path.name == "to_pyg.py":
            continue
        for name in imports_of(path):
            assert not any(
                is_below(name, other)
                for other in ("train_benchmark", "surrogate", "torch", "torch_geometric")
            ), f"{path} imports {name}"


def test_train_benchmark_does_not_know_the_surrogate() -> None:
    for path in MODULES:
        if is_below(module_name(path), "train_benchmark"):
            assert not any(is_below(name, "surrogate") for name in imports_of(path)), path


def test_surrogate_sees_only_records_and_tables_of_train_benchmark() -> None:
    allowed = {"train_benchmark.record", "train_benchmark.table"}
    for path in MODULES:
        name = module_name(path)
        if not is_below(name, "surrogate") or is_below(name, "surrogate.cli"):
            continue
        seen = {i for i in imports_of(path) if is_below(i, "train_benchmark")}
        assert seen <= allowed, f"{path} imports {seen - allowed}"


def test_nothing_imports_the_command_line() -> None:
    for path in MODULES:
        if not is_below(module_name(path), "surrogate.cli"):
            assert not any(is_below(name, "surrogate.cli") for name in imports_of(path)), path


@pytest.mark.parametrize("package", ["graph_encoding", "surrogate", "surrogate.cli"])
def test_importing_loads_no_heavy_package(package: str) -> None:
    program = (
        f"import sys, {package}\n"
        "heavy = {'torch', 'torchaudio', 'xgboost', 'pyarrow', 'scipy', 'sklearn', 'pandas'}\n"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == []


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_modules_are_small_and_begin_with_one_sentence(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    docstring = ast.get_docstring(tree)
    assert docstring, f"{path} has no docstring"
    first = docstring.splitlines()[0]
    assert first.endswith((".", "?")), f"{path}: {first!r} is no sentence"
    assert len(text.splitlines()) <= MAX_LINES
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < MAX_FUNCTION_LINES, f"{path}: {node.name}"
