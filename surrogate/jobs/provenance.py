"""What results depend on beside data: settings, source code, and versions of packages."""

import ast
import hashlib
import inspect
import marshal
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib import metadata, util
from pathlib import Path
from types import CodeType
from typing import Any

from graph_encoding.common.hashing import content_hash
from surrogate.predictors.base import Predictor

_VERSIONED = (
    "nasasr",
    "numpy",
    "scipy",
    "xgboost-cpu",
    "xgboost",
    "lightgbm",
    "torch",
    "torch-geometric",
)


def versions(*further: str) -> dict[str, str]:
    """Versions of Python and of the packages that can change a predictor's numbers.

    Args:
        further: names of other packages.
    """
    found = {"python": platform.python_version()}
    for package in (*_VERSIONED, *further):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue  # one of xgboost's two names, or a package that only some predictors need
    return found


def plain_config(predictor: Predictor, **options: object) -> dict[str, Any]:
    """The configuration that is stored with a fit: the predictor's name and settings, options."""
    return {"predictor": predictor.name, "settings": asdict(predictor.settings), **options}


def made_with(predictors: Sequence[Predictor]) -> dict[str, Any]:
    """What fits of some predictors depend on beside their data and `made_by`, as JSON."""
    return {
        "predictors": [plain_config(predictor) for predictor in predictors],
        "kinds": [hash_of_class(type(predictor)) for predictor in predictors],
        "reads": [dict(predictor.reads) for predictor in predictors],
    }


def made_by() -> dict[str, Any]:
    """What every result depends on beside its inputs: code and versions, as JSON."""
    return {
        "code": hash_of_packages("graph_encoding", "train_benchmark", "surrogate"),
        "versions": versions(),
    }


def hash_of_packages(*names: str) -> str:
    """sha256 of all Python files of some packages."""
    return _hash_of_files(path for name in names for path in _package_files(name))


def _package_files(name: str) -> Iterable[Path]:
    spec = util.find_spec(name)
    folders = spec.submodule_search_locations or () if spec else ()
    return [path for folder in folders for path in Path(folder).rglob("*.py")]


def hash_of_class(kind: type[Any], base: type[Any] = Predictor) -> str:
    """sha256 of the code of a class and of its base classes, up to `base`.

    For a class in a package that is the whole package, subpackages included; for one in a single
    module it is the module, and what it imports from its own folder; for one that was typed in, its
    compiled methods, and those of its other base classes that were typed in.
    """
    kinds = [of for of in kind.__mro__ if issubclass(of, base) or of.__module__ == kind.__module__]
    files = {of: list(_source_files(of)) for of in kinds}
    found = _hash_of_files(path for paths in files.values() for path in paths)
    typed_in = [_hash_of_methods(of) for of, paths in files.items() if not paths]
    return content_hash([found, *typed_in]) if typed_in else found


def _hash_of_files(paths: Iterable[Path]) -> str:
    """sha256 of the names and contents of some files, whatever their order."""
    digest = hashlib.sha256()
    for path in sorted(set(paths), key=lambda path: (path.name, str(path))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _hash_of_methods(kind: type[Any]) -> str:
    """sha256 of what a class defines, without files: names, and the code of its functions."""
    digest = hashlib.sha256(kind.__qualname__.encode())
    for name, value in sorted(vars(kind).items()):
        codes = _codes_of(value)
        if codes or isinstance(value, str | int | float | bool | tuple):
            contents = [marshal.dumps(code) for code in codes] or [repr(value).encode()]
            digest.update(name.encode() + b"\0" + b"\0".join(contents))
    return digest.hexdigest()


def _codes_of(value: object) -> list[CodeType]:
    """The code of a function, or of those within a static or class method or a property."""
    inner = (getattr(value, name, None) for name in ("__func__", "func", "fget", "fset", "fdel"))
    functions = (value, *inner)
    codes = (getattr(function, "__code__", None) for function in functions)
    return list(dict.fromkeys(code for code in codes if code is not None))


def _source_files(kind: type[Any]) -> Iterable[Path]:
    try:
        own = inspect.getsourcefile(kind)
    except (TypeError, OSError):  # a class that was typed in
        return ()
    if own is None or not Path(own).is_file():
        return ()
    package = sys.modules[kind.__module__].__package__
    return _package_files(package.partition(".")[0]) if package else _with_neighbours(Path(own))


def _with_neighbours(module: Path) -> set[Path]:
    """A module's file and those that it imports from its own folder, directly or not."""
    found: set[Path] = set()
    waiting = {module}
    while waiting:
        path = waiting.pop()
        found.add(path)
        for name in _imported_names(path):
            folder = module.parent / name
            files = {folder.with_suffix(".py")} if folder.with_suffix(".py").is_file() else set()
            waiting |= (files | set(folder.rglob("*.py"))) - found
    return found


def _imported_names(path: Path) -> set[str]:
    """Top-level names of what a file imports."""
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError:  # a neighbour that Python could not have imported either
        return set()
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names
