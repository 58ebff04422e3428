"""What imports may cost, and how large modules may be; `make layers` checks who imports whom."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("graph_encoding", "train_benchmark", "surrogate", "nasasr")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
SCRIPTS = sorted(path for folder in ("studies", "tests") for path in (ROOT / folder).rglob("*.py"))
MAX_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_MODULES = 12
"""In one folder, without its `__init__.py`: more of them want rooms."""


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imports_of(path: Path) -> set[str]:
    """Absolute names of all modules that a file imports, wherever in it.

    `from package import name` counts as `package.name` too where that is a module.
    """
    return imports_in(ast.walk(ast.parse(path.read_text())), path)


def imports_in(nodes: Iterable[ast.AST], path: Path) -> set[str]:
    """As `imports_of`, of some nodes of a file."""
    found: set[str] = set()
    for node in nodes:
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
        optional = path.name.startswith("to_") or path.name == "ray_cluster.py"
        if any(is_below(name, package) for package in own) and not optional:
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
        ("train_benchmark.recipe", TRAINING | FORECASTING),
        ("train_benchmark.record_files.folder_kinds", TRAINING),
        ("train_benchmark.table.benchmark_table", TRAINING),
        ("train_benchmark.table.build", TRAINING),
    ],
)
def test_importing_loads_no_heavy_package(module: str, heavy: set[str]) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert heavy & set(result.stdout.split()) == set()


# What a late import may put off: slow to load, or not in every installation.
PUT_OFF = TRAINING | FORECASTING | {"onnx", "onnxruntime", "optuna", "plotly", "ray", "soundfile"}


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_late_imports_put_off_a_heavy_package(path: Path) -> None:
    """An import in a function, or for types alone, must not hide a circle, nor be a habit.

    Commands are free to import late: starting one must not pay for the others. `nasasr` is nothing
    but late imports, so that it loads what is used.
    """
    if is_below(module_name(path), "surrogate.cli") or is_below(module_name(path), "nasasr"):
        return
    tree = ast.parse(path.read_text())
    at_once = imports_in(loaded_at_once(tree), path)
    for name in imports_in(ast.walk(tree), path) - at_once:
        if name.split(".")[0] in PACKAGES:
            assert packages_loaded_by(name) & PUT_OFF, f"{path} imports {name} late without need"


def loaded_at_once(tree: ast.Module) -> Iterable[ast.AST]:
    """The nodes that run when a module is imported, roughly: no functions, no tests of types."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        waiting += ast.iter_child_nodes(node)


@cache
def packages_loaded_by(name: str) -> frozenset[str]:
    """Top-level names of all that importing one of our modules imports at once."""
    found, seen, waiting = set(), set(), {name}
    while waiting:
        module = waiting.pop()
        seen.add(module)
        found.add(module.split(".")[0])
        path = ROOT.joinpath(*module.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if module.split(".")[0] in PACKAGES and path.is_file():
            waiting |= imports_in(loaded_at_once(ast.parse(path.read_text())), path) - seen
    return frozenset(found)


def test_folders_are_small() -> None:
    for folder in {path.parent for path in MODULES}:
        modules = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= MAX_MODULES, f"{folder} has {len(modules)} modules; make rooms"


def test_unit_tests_mirror_the_packages() -> None:
    unit = ROOT / "tests" / "unit"
    folders = {
        path.parent.relative_to(unit)
        for package in PACKAGES
        for path in (unit / package).rglob("test_*.py")
    }
    assert folders
    assert [str(folder) for folder in folders if not (ROOT / folder).is_dir()] == []


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


def test_the_index_of_studies_lists_every_script() -> None:
    index = (ROOT / "studies/README.md").read_text(encoding="utf-8")
    listed = [line.split("`")[1] for line in index.splitlines() if line.startswith("| `")]
    assert listed == sorted(path.name for path in (ROOT / "studies").glob("*.py"))
