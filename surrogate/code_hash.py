"""Checksums of source code: results that other code made are not gone on with."""

import hashlib
import inspect
import sys
from collections.abc import Iterable
from importlib import util
from pathlib import Path


def hash_of_files(paths: Iterable[Path]) -> str:
    """sha256 of the names and contents of some files, whatever their order."""
    digest = hashlib.sha256()
    for path in sorted(set(paths), key=lambda path: (path.name, str(path))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def hash_of_packages(*names: str) -> str:
    """sha256 of all Python files of some packages."""
    specs = [util.find_spec(name) for name in names]
    folders = [place for spec in specs if spec for place in spec.submodule_search_locations or ()]
    return hash_of_files(path for folder in folders for path in Path(folder).rglob("*.py"))


def hash_of_class(kind: type, base: type) -> str:
    """sha256 of the modules of a class and of its base classes up to `base`, and those beside them.

    Beside a module stand those of the same package: a class may be made of others.
    """
    kinds = [of for of in kind.__mro__ if issubclass(of, base)]
    return hash_of_files(path for of in kinds for path in _source_files(of))


def _source_files(kind: type) -> Iterable[Path]:
    try:
        own = inspect.getsourcefile(kind)
    except TypeError:  # what inspect says of a class that was typed in
        return ()
    if own is None:
        return ()
    in_package = bool(sys.modules[kind.__module__].__package__)
    return Path(own).parent.glob("*.py") if in_package else (Path(own),)
