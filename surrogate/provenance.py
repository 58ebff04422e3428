"""What results rest on beside data: settings, source code, and versions of other packages."""

import hashlib
import inspect
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib import metadata, util
from pathlib import Path
from typing import Any

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
    """What is remembered of a fit: the predictor's name and settings, and options."""
    return {"predictor": predictor.name, "settings": asdict(predictor.settings), **options}


def made_with(predictors: Sequence[Predictor]) -> dict[str, Any]:
    """All that fits of some predictors depend on beside their data, as JSON has it."""
    return {
        "predictors": [plain_config(predictor) for predictor in predictors],
        "code": [
            hash_of_packages("graph_encoding", "train_benchmark", "surrogate"),
            *(hash_of_class(type(predictor)) for predictor in predictors),
        ],
        "versions": versions(),
    }


def hash_of_packages(*names: str) -> str:
    """sha256 of all Python files of some packages."""
    specs = [util.find_spec(name) for name in names]
    folders = [place for spec in specs if spec for place in spec.submodule_search_locations or ()]
    return _hash_of_files(path for folder in folders for path in Path(folder).rglob("*.py"))


def hash_of_class(kind: type[Predictor]) -> str:
    """sha256 of the modules of a predictor and of its base classes, and of those beside them.

    Beside a module stand those of the same package: a predictor may be made of others.
    """
    kinds = [of for of in kind.__mro__ if issubclass(of, Predictor)]
    return _hash_of_files(path for of in kinds for path in _source_files(of))


def _hash_of_files(paths: Iterable[Path]) -> str:
    """sha256 of the names and contents of some files, whatever their order."""
    digest = hashlib.sha256()
    for path in sorted(set(paths), key=lambda path: (path.name, str(path))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _source_files(kind: type[Predictor]) -> Iterable[Path]:
    try:
        own = inspect.getsourcefile(kind)
    except TypeError:  # what inspect says of a class that was typed in
        return ()
    if own is None:
        return ()
    in_package = bool(sys.modules[kind.__module__].__package__)
    return Path(own).parent.glob("*.py") if in_package else (Path(own),)
