"""What imports may cost, and how large modules may be; `make layers` checks who imports whom."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("graph_encoding", "train_benchmark", "surrogate")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
SCRIPTS = sorted(path for folder in ("studies", "tests") for path in (ROOT / folder).rglob("*.py"))
MAX_LINES = 400
MAX_FUNCTION_LINES = 60


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imports_of(path: Path) -> set[str]:
    """Absolute names of all modules that a file imports, wherever in it.

    `from package import name` counts as `package.name` too where that is a module.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the arrows"
            found.add(str(node.module))
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name for name in names if is_module(name)}
    return found


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def is_below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def test_the_walk_sees_every_form_of_import(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "import json\nfrom surrogate import cli, Forecaster\n"
        "def late():\n    from train_benchmark.record import TrainingRecord\n    import torch.nn\n"
    )
    assert imports_of(path) == {
        "json",
        "surrogate",
        "surrogate.cli",
        "train_benchmark.record",
        "torch.nn",
    }


def test_what_every_installation_runs_is_required_by_name() -> None:
    """What another package happens to bring may be gone with its next version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = {re.split(r"[<>=; \[]", line)[0] for line in project["dependencies"]}
    needed = set()
    for path in MODULES:
        name = module_name(path)
        own = ("graph_encoding", "surrogate.metrics", "surrogate.comparison", "surrogate.cli")
        if any(is_below(name, package) for package in own) and path.name[:3] != "to_":
            needed |= {imported.split(".")[0] for imported in imports_of(path)}
    assert {"numpy", "scipy"} <= needed
    others = needed - set(sys.stdlib_module_names) - set(PACKAGES)
    assert others - {"pydantic_core"} <= required  # that one is half of pydantic


# A forecast must not need torch, and the help of a command must not wait for boosted trees. The
# table is read with pyarrow whatever else is done, so that it may import that.
TRAINING = {"pandas", "sklearn", "torch", "torch_geometric", "torchaudio"}
FORECASTING = {"lightgbm", "pyarrow", "scipy", "xgboost"}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("graph_encoding", TRAINING | FORECASTING),
        ("surrogate", TRAINING | FORECASTING),
        ("surrogate.cli", TRAINING | FORECASTING),
        ("train_benchmark.labels", TRAINING | FORECASTING),
        ("train_benchmark.record", TRAINING | FORECASTING),
        ("train_benchmark.table.benchmark_table", TRAINING),
    ],
)
def test_importing_loads_no_heavy_package(module: str, heavy: set[str]) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert heavy & set(result.stdout.split()) == set()


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_modules_are_small_and_begin_with_one_sentence(path: Path) -> None:
    check_first_sentence(path)
    text = path.read_text()
    lines = len(text.splitlines())
    assert lines <= MAX_LINES, f"{path}: {lines} lines; split it"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < MAX_FUNCTION_LINES, f"{path}: {node.name}"


@pytest.mark.parametrize("path", SCRIPTS, ids=module_name)
def test_tests_and_scripts_begin_with_one_sentence(path: Path) -> None:
    if path.read_text():  # the empty __init__.py of a folder of tests has nothing to say
        check_first_sentence(path)


def check_first_sentence(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring, f"{path} has no docstring"
    first = docstring.splitlines()[0]
    assert first.endswith((".", "?")), f"{path}: {first!r} is no sentence"
