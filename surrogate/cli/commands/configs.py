"""`nasasr configs`: list, print and copy the shipped configurations."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from graph_encoding.common.errors import UserError
from surrogate.cli.config_argument import ConfigKind, configs_folder, shipped_configs
from surrogate.cli.options import RowFormat
from surrogate.cli.output import Format, Row, require_new_folder, write_rows

_USED_BY = {
    ConfigKind.BENCHMARK: "benchmark",
    ConfigKind.CAMPAIGN: "collect, demo, table verify --campaign",
    ConfigKind.CORPUS: "corpus make, corpus check --config",
    ConfigKind.LATENCY: "latency",
    ConfigKind.PREDICTOR: "fit --config",
    ConfigKind.SEARCH: "search compare",
    ConfigKind.TRAIN: "a campaign",
    ConfigKind.TUNE: "tune",
}


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(configs)


def configs(
    wanted: Annotated[
        str | None,
        typer.Argument(metavar="[KIND[/NAME]]", help="List one kind, or print one file."),
    ] = None,
    copy: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="New folder for an editable copy of all of them."),
    ] = None,
    output: RowFormat = Format.TABLE,
) -> None:
    """List the shipped configurations, print one, or copy all.

    Files refer to each other by relative paths: copy all of them, not the text of one.
    """
    if copy is not None:
        if wanted is not None:
            raise UserError(
                f"--copy copies all configurations, but got {wanted!r} too; leave one out"
            )
        _copy_all(copy)
        return
    kind, _, name = (wanted or "").partition("/")
    if not kind:
        write_rows(_rows(list(ConfigKind)), output)
    elif not name:
        write_rows(_rows([_known_kind(kind)]), output)
    else:
        typer.echo(_text(_known_kind(kind), name), nl=False)


def _copy_all(out: Path) -> None:
    require_new_folder(out, "configuration")
    for kind in ConfigKind:
        shutil.copytree(configs_folder() / kind, out / kind)
    typer.echo(f"wrote {out}: the configurations of {', '.join(ConfigKind)}", err=True)


def _known_kind(text: str) -> ConfigKind:
    try:
        return ConfigKind(text)
    except ValueError as e:
        raise UserError(
            f"the kind of a configuration must be one of {', '.join(ConfigKind)}, but got {text!r}"
        ) from e


def _text(kind: ConfigKind, name: str) -> str:
    shipped = shipped_configs(kind)
    if name not in shipped:
        raise UserError(
            f"a shipped {kind} configuration must be one of {', '.join(shipped)}, but got {name!r}"
        )
    return shipped[name].read_text(encoding="utf-8")


def _rows(kinds: list[ConfigKind]) -> list[Row]:
    return [
        {
            "kind": kind.value,
            "name": name,
            "for": _USED_BY[kind],
            "what": first_sentence(path.read_text(encoding="utf-8")),
        }
        for kind in kinds
        for name, path in shipped_configs(kind).items()
    ]


def first_sentence(text: str) -> str:
    r"""The first sentence of the comment that a configuration begins with.

    >>> first_sentence("# Trees, on all\n# keys. Slow.\nseed = 1\n")
    'Trees, on all keys'
    """
    comment: list[str] = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        comment.append(line.removeprefix("#").strip())
    return " ".join(comment).partition(". ")[0].rstrip(".")
