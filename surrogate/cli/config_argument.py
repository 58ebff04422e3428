"""Configurations on the command line: a shipped one by its name, or a TOML file by its path."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer

from graph_encoding.common.errors import UserError
from graph_encoding.common.packaged import is_name

_PACKAGE = Path(__file__).parents[1]


class ConfigKind(StrEnum):
    """Kind of a configuration; also the name of its folder in `configs/`."""

    BENCHMARK = "benchmark"
    CAMPAIGN = "campaign"
    CORPUS = "corpus"
    LATENCY = "latency"
    PREDICTOR = "predictor"
    SEARCH = "search"
    TRAIN = "train"
    TUNE = "tune"


def configs_folder() -> Path:
    """The folder of all shipped configurations.

    A wheel has it inside the package, a checkout beside the package.
    """
    installed = _PACKAGE / "configs"
    return installed if installed.is_dir() else _PACKAGE.parent / "configs"


def shipped_configs(kind: ConfigKind) -> dict[str, Path]:
    """Name -> file of each shipped configuration of a kind, in order of the names."""
    return {path.stem: path for path in sorted((configs_folder() / kind).glob("*.toml"))}


def config_path(kind: ConfigKind, name_or_path: str) -> Path:
    """The file of a configuration.

    A shipped name takes precedence, as with tables: write `./NAME` for a file of the working
    directory with such a name.

    Args:
        kind: kind of the configuration.
        name_or_path: a shipped name; or a path, which has a slash, ends in .toml or exists.

    Raises:
        UserError: if it is neither; lists the names.
    """
    shipped = shipped_configs(kind)
    if name_or_path in shipped:
        return shipped[name_or_path]
    path = Path(name_or_path)
    if not is_name(name_or_path) or path.suffix == ".toml" or path.is_file():
        return path
    raise UserError(
        f"a {kind} configuration must be a shipped one ({', '.join(shipped)}) or the path of a "
        f"TOML file, but got {name_or_path!r}"
    )


def config_argument(kind: ConfigKind, example: str, *, optional: bool = False) -> Any:
    """The argument CONFIG of a command.

    Args:
        kind: kind of the configuration.
        example: a shipped name.
        optional: whether the example is the default.
    """
    means = "by default" if optional else "such as"
    return typer.Argument(
        metavar="CONFIG",
        parser=_parser(kind),
        help=f"TOML file, or a name that `nasasr configs` lists, {means} {example}.",
    )


def config_option(kind: ConfigKind, text: str) -> Any:
    """An option that takes a configuration.

    Args:
        kind: kind of the configuration.
        text: its help.
    """
    return typer.Option(metavar="CONFIG", parser=_parser(kind), help=text)


def _parser(kind: ConfigKind) -> Callable[[str], Path]:
    def parse(text: str) -> Path:
        try:
            return config_path(kind, text)
        except UserError as e:
            # A UserError is a ValueError, of which click would show the value only.
            raise typer.BadParameter(str(e)) from e

    return parse
