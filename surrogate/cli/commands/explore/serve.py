"""`nasasr explore --serve`: the page on this machine, until Ctrl-C."""

from typing import TYPE_CHECKING

import typer

from graph_encoding.common.errors import UserError

if TYPE_CHECKING:
    from surrogate.explorer import Contents
    from surrogate.forecasting.forecast import Forecaster


def serve_page(contents: "Contents", forecasters: "list[Forecaster | None]", port: int) -> None:
    """Serve the page.

    Args:
        contents: what it holds.
        forecasters: per table its forecaster.
        port: 0 takes a free one.

    Raises:
        UserError: if the port cannot be used.
    """
    from surrogate.explorer import ExplorerServer

    try:
        server = ExplorerServer(contents, forecasters, port)
    except OSError as e:
        raise UserError(
            f"--port must be a free port, but {port} cannot be used: {e.strerror}; choose another, "
            "or 0 for any"
        ) from e
    typer.echo(f"serving {server.url} on this machine only; Ctrl-C ends it", err=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
    finally:
        server.server_close()
