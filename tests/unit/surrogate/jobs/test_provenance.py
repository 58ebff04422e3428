"""What names a stored fit: a change of any code or version that decides it gives another name."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from graph_encoding import GraphRow, write_graphs
from surrogate.comparison import BenchmarkConfig, benchmark_config
from surrogate.comparison.plugin import contender
from surrogate.comparison.run import _Bench
from surrogate.jobs import provenance
from surrogate.jobs.checkpoint import Checkpoint
from surrogate.jobs.provenance import made_by
from surrogate.jobs.tasks import file_names, run
from surrogate.testing.synthetic import synthetic_dataset, true_per
from tests.unit.surrogate.jobs.test_tasks import MADE, SQUARES

ROOT = Path(__file__).parents[4]
OWN = ("graph_encoding", "surrogate", "train_benchmark")

FORGOTTEN_ONCE = (
    "graph_encoding/encodings/stacked_graphs",
    "graph_encoding/functional_identity",
    "surrogate/data/dataset",
    "surrogate/data/folds",
    "surrogate/data/targets",
)
"""Modules that decide fits, and that a list of such modules once left out."""

# What a fit really imports, late imports included.
IMPORTED_BY_A_FIT = """
import json, sys
from pathlib import Path
from surrogate.comparison import benchmark_config, run_benchmark
config = benchmark_config(json.loads(sys.argv[1]))
run_benchmark(config, Path(sys.argv[2]))
files = [getattr(m, "__file__", None) for m in list(sys.modules.values())]
print("modules:", json.dumps([f for f in files if f]))
"""


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    path = tmp_path_factory.mktemp("graphs") / "graphs.jsonl"
    rows = [GraphRow(g, {"per": true_per(g)}, {}) for g in synthetic_dataset(40).graphs]
    write_graphs(path, rows)
    return {
        "source": {"graphs": str(path), "direction": "minimise"},
        "target": "per",
        "predictors": ["xgb", "gp", "ridge", "additive", "params"],
        "settings": {"xgb": {"members": 2, "rounds": 5}},
        "train_sizes": [20],
        "repeats": 1,
    }


@pytest.fixture(scope="module")
def config(values: dict[str, object]) -> BenchmarkConfig:
    return benchmark_config(values)


@pytest.fixture(scope="module")
def modules_of_a_fit(
    values: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """Files of nasasr that a process with a fit has imported."""
    out = tmp_path_factory.mktemp("out")
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED_BY_A_FIT, json.dumps(values), str(out)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("modules:")]
    files = [Path(file) for file in json.loads(line.removeprefix("modules:"))]
    return [f for f in files if f.is_relative_to(ROOT) and f.relative_to(ROOT).parts[0] in OWN]


@pytest.fixture
def edit(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Lets a file look edited."""
    read_bytes = Path.read_bytes
    edited: set[Path] = set()

    def read(path: Path) -> bytes:
        return read_bytes(path) + (b"# edited\n" if path in edited else b"")

    def only(path: Path) -> None:
        edited.clear()
        edited.add(path)

    monkeypatch.setattr(Path, "read_bytes", read)
    return only


def identities(config: BenchmarkConfig) -> set[str]:
    bench = _Bench.of(config)
    return set(file_names(bench.tasks(), bench.inputs))


@pytest.mark.slow
def test_an_edit_of_any_module_that_a_fit_imports_is_another_code(
    modules_of_a_fit: list[Path], edit: Callable[[Path], None]
) -> None:
    names = {str(file.relative_to(ROOT).with_suffix("")) for file in modules_of_a_fit}
    assert names > set(FORGOTTEN_ONCE)
    before = made_by()["code"]
    unnoticed = []
    for file in modules_of_a_fit:
        edit(file)
        if made_by()["code"] == before:
            unnoticed.append(file)
    assert unnoticed == []


@pytest.mark.parametrize("module", FORGOTTEN_ONCE)
def test_stored_fits_of_other_code_have_other_names(
    module: str, config: BenchmarkConfig, edit: Callable[[Path], None]
) -> None:
    before = identities(config)
    assert identities(config) == before
    edit(ROOT / f"{module}.py")
    assert identities(config).isdisjoint(before)


@pytest.mark.parametrize("module", FORGOTTEN_ONCE)
def test_results_of_other_code_are_made_again(
    module: str, tmp_path: Path, edit: Callable[[Path], None]
) -> None:
    for edited, made_again in ((False, True), (False, False), (True, True)):
        if edited:
            edit(ROOT / f"{module}.py")
        MADE.clear()
        assert run(SQUARES, 0, inputs={}, checkpoint=Checkpoint(tmp_path)) == (16, 9, 4)
        assert bool(MADE) == made_again


def test_stored_fits_of_other_versions_have_other_names(
    config: BenchmarkConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = identities(config)
    monkeypatch.setattr(provenance, "versions", lambda: {"numpy": "another"})
    assert identities(config).isdisjoint(before)


PREDICTOR = """
from surrogate.predictors import MeanPredictor
import {helper}
class Mine(MeanPredictor):
    pass
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules in no package: one predictor, and what it imports."""
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("lone_predictor", "lone_helper", "lone_parts", "lone_parts.first"):
        monkeypatch.delitem(sys.modules, name, raising=False)  # of another folder
    (tmp_path / "lone_predictor.py").write_text(PREDICTOR.format(helper="lone_helper"))
    (tmp_path / "lone_helper.py").write_text("from lone_parts.first import x\n")
    (tmp_path / "lone_parts").mkdir()
    (tmp_path / "lone_parts" / "__init__.py").write_text("")
    (tmp_path / "lone_parts" / "first.py").write_text("x = 1\n")
    (tmp_path / "unrelated.py").write_text("x = 1\n")
    return tmp_path


@pytest.mark.parametrize(
    ("edited", "is_other"),
    [
        ("lone_predictor.py", True),
        ("lone_helper.py", True),
        ("lone_parts/first.py", True),
        ("unrelated.py", False),
    ],
)
def test_a_predictor_in_a_module_by_itself_is_what_it_imports_too(
    edited: str, is_other: bool, folder: Path
) -> None:
    chosen = contender("lone_predictor:Mine", {})
    before = chosen.code_sha256
    assert chosen.code_sha256 == before
    with (folder / edited).open("a", encoding="utf-8") as file:
        file.write("# edited\n")
    assert (chosen.code_sha256 != before) == is_other


def test_a_predictor_in_a_package_is_all_of_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("whole_package", "whole_package/models", "whole_package/parts"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    part = tmp_path / "whole_package" / "parts" / "deep.py"
    part.write_text("x = 1\n")
    text = PREDICTOR.format(helper="whole_package.parts.deep")
    (tmp_path / "whole_package" / "models" / "mine.py").write_text(text)
    chosen = contender("whole_package.models.mine:Mine", {})
    before = chosen.code_sha256
    part.write_text("x = 2\n")
    assert chosen.code_sha256 != before


TYPED_IN = """
from functools import cached_property
from surrogate.jobs.provenance import hash_of_class
from surrogate.predictors import MeanPredictor
class Mixin:
    {mixin}
class Mine(Mixin, MeanPredictor):
    name = "mine"
    {own}
print(hash_of_class(Mine))
"""
METHOD = "def double(self): return {factor} * 2"
KINDS = {
    "method": METHOD,
    "static method": "double = staticmethod(lambda: {factor} * 2)",
    "class method": "double = classmethod(lambda kind: {factor} * 2)",
    "property": "double = property(lambda self: {factor} * 2)",
    "cached property": "double = cached_property(lambda self: {factor} * 2)",
}


@pytest.mark.parametrize("where", ["own", "mixin"])
@pytest.mark.parametrize(
    ("how", "kind"), [("-", "method"), *(("-c", kind) for kind in KINDS)], ids=str
)
def test_a_class_that_was_typed_in_is_known_by_its_methods(how: str, kind: str, where: str) -> None:
    def hash_with(factor: int) -> str:
        parts = {"own": "pass", "mixin": "pass", where: KINDS[kind].format(factor=factor)}
        code = TYPED_IN.format(**parts)
        given = (
            {"args": [sys.executable, "-c", code]}
            if how == "-c"
            else {"args": [sys.executable, "-"], "input": code}
        )
        return subprocess.run(**given, capture_output=True, text=True, check=True).stdout  # type: ignore[call-overload,no-any-return]

    assert hash_with(1) == hash_with(1) != hash_with(3)
