"""The options of commands that run on an engine: `--engine`, `--workers` and `--address`."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from graph_encoding.common.errors import UserError

if TYPE_CHECKING:
    from graph_encoding.engines.engine import Engine


class EngineName(StrEnum):
    """Where tasks run."""

    LOCAL = "local"
    RAY = "ray"


EngineOption = Annotated[EngineName, typer.Option(help="Where tasks run.")]
WorkersOption = Annotated[
    int | None,
    typer.Option(min=1, help="Tasks at a time, one core each: 1, or all cores of Ray."),
]
AddressOption = Annotated[str | None, typer.Option(help="Ray cluster: auto, local or host:port.")]


def chosen_engine(name: EngineName, workers: int | None, address: str | None) -> "Engine":
    """The engine that the options name.

    Raises:
        MissingExtraError: if Ray is not installed.
        UserError: if an address is given without Ray.
    """
    # Late: they load multiprocessing, which most commands do without.
    if name is EngineName.RAY:
        from graph_encoding.engines.ray_cluster import RayEngine

        return RayEngine(address or "auto", workers)
    if address is not None:
        raise UserError(f"--address is of --engine ray, but the engine is {name.value}")
    from graph_encoding.engines.local import LocalEngine

    return LocalEngine(workers or 1)


def chosen_or_this(name: EngineName, workers: int | None, address: str | None) -> "Engine":
    """As `chosen_engine`, but one local worker is the calling process."""
    from surrogate.jobs.tasks import local_engine

    engine = chosen_engine(name, workers, address)
    return engine if name is EngineName.RAY else local_engine(workers or 1)
