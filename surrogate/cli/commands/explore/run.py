"""`nasasr explore`: the search space, its measurements and forecasts, as one page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph_encoding.common.errors import UserError
from surrogate.cli.commands.explore.serve import serve_page
from surrogate.cli.progress import ProgressDisplay

if TYPE_CHECKING:
    from surrogate.explorer.contents import TableAndForecaster

DEFAULT_PORT = 8765

_Tables = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TABLE...",
        help="Shipped tables, or folders of some (./NAME); by default timit-micro. Several can be "
        "seen side by side.",
    ),
]
_Artifacts = Annotated[
    list[str] | None,
    typer.Option(
        "--artifact",
        metavar="TABLE=NAME|DIR",
        help="Artifact of a table; by default the shipped one of its name, if there is one. "
        "Repeatable.",
    ),
]
_Searches = Annotated[
    list[Path] | None,
    typer.Option("--search", metavar="DIR", help="Folder of `nasasr search` to show; repeatable."),
]
_Levels = Annotated[
    list[float] | None,
    typer.Option(
        "--level", help="Level of the intervals, in (0, 1); by default .5, .9 and .95. Repeatable."
    ),
]
_Out = Annotated[Path, typer.Option(metavar="FILE", help="The page; an older one is replaced.")]
_Serve = Annotated[
    bool,
    typer.Option("--serve", help="Serve the page on this machine, with forecasts of any cell."),
]
_Port = Annotated[
    int | None,
    typer.Option(
        min=0, max=65535, help=f"Port of --serve; {DEFAULT_PORT} by default, 0 takes a free one."
    ),
]


def explore(
    tables: _Tables = None,
    artifacts: _Artifacts = None,
    searches: _Searches = None,
    levels: _Levels = None,
    out: _Out = Path("explorer.html"),
    serve: _Serve = False,
    port: _Port = None,
) -> None:
    """Write a page with a map of the search space.

    It also shows every cell and recorded searches. The page needs no network and no other file. It
    takes about a minute of one core.
    """
    from surrogate.explorer import explorer_contents, write_explorer
    from surrogate.explorer.contents import DEFAULT_LEVELS
    from surrogate.explorer.runs import SearchRun

    if port is not None and not serve:
        raise UserError("--port is the port of --serve; add --serve, or leave it out")
    runs = [SearchRun.read(path) for path in searches or []]
    pairs = _loaded(tables or ["timit-micro"], artifacts or [])
    with ProgressDisplay("forecasts") as display:
        contents = explorer_contents(
            pairs, runs, levels=tuple(levels or DEFAULT_LEVELS), on_level=display.show
        )
    if serve:
        chosen = DEFAULT_PORT if port is None else port
        serve_page(contents, [forecaster for _, forecaster in pairs], chosen)
    else:
        size = write_explorer(contents, out)
        typer.echo(f"wrote {out}: {size / 1e6:.1f} MB; open it in a browser", err=True)


def _loaded(names: list[str], artifacts: list[str]) -> "list[TableAndForecaster]":
    """Tables with their forecasters.

    Raises:
        UserError: if a table or artifact does not exist, or an artifact is of no given table.
    """
    from surrogate.fitting.artifact import shipped_artifacts
    from surrogate.forecasting.forecast import Forecaster
    from train_benchmark.table.benchmark_table import BenchmarkTable

    chosen = dict(_pair(text) for text in artifacts)
    tables = [BenchmarkTable.load(name) for name in names]
    own = [table.metadata.name for table in tables]
    strangers = sorted(set(chosen) - set(own))
    if strangers:
        raise UserError(
            f"--artifact must name one of the tables {', '.join(own)}, but got "
            f"{', '.join(strangers)}"
        )
    shipped = shipped_artifacts()
    found: list[TableAndForecaster] = []
    for table in tables:
        name = table.metadata.name
        artifact = chosen.get(name, name if name in shipped else None)
        found.append((table, None if artifact is None else Forecaster.load(artifact)))
    return found


def _pair(text: str) -> tuple[str, str]:
    table, equals, artifact = text.partition("=")
    if not equals:
        raise UserError(
            f"--artifact must be TABLE=NAME or TABLE=DIR, such as mine=runs/artifact/mine, but "
            f"got {text!r}"
        )
    return table, artifact
