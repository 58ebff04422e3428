"""The configured source of labelled graphs: a table or a file of graphs."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from graph_encoding.common.errors import UserError
from surrogate.data.dataset import SeedPolicy
from surrogate.data.targets import TRANSFORMS


def _known_transform(name: str) -> str:
    TRANSFORMS.get(name)
    return name


class SourceConfig(BaseModel):
    """Source of labelled graphs: a benchmark table or a graph file.

    Attributes:
        table: shipped table by name, or the folder of one.
        graphs: JSON Lines file that `graph_encoding.interop.graph_file` reads.
        extended: table, of the same recipe and corpus, or graph file of additional test keys for
            the protocol `extended`.
        direction: better end of a graph file's labels; that of a table is the target's.
        transform: model scale of a graph file's labels.
        unit: unit of a graph file's labels.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str | None = None
    graphs: Path | None = None
    extended: str | None = None
    direction: Literal["minimise", "maximise"] | None = None
    transform: Annotated[str, AfterValidator(_known_transform)] | None = None
    unit: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.table is None) == (self.graphs is None):
            raise UserError("a source must be either a table or a file of graphs; name one")
        if self.graphs is not None and self.direction is None:
            raise UserError("graphs must come with a direction: minimise or maximise")
        own = [n for n in ("direction", "transform", "unit") if getattr(self, n) is not None]
        if self.table is not None and own:
            raise UserError(f"a table's target has its own {', '.join(own)}; leave it out")
        return self


class NamesSource(Protocol):
    """A configuration with a source of labelled graphs."""

    @property
    def source(self) -> SourceConfig:
        """Table or graph file."""

    @property
    def target(self) -> str:
        """Name of the label."""

    @property
    def seed_policy(self) -> SeedPolicy:
        """Trainings averaged by a table's label."""


def resolved_source(source: SourceConfig, folder: Path) -> SourceConfig:
    """A source with paths relative to the folder of its configuration resolved.

    A table's name means the shipped one, whatever that folder contains.
    """
    found: dict[str, Any] = {}
    if source.graphs is not None:
        found["graphs"] = folder / source.graphs
    for field in ("table", "extended"):
        value = getattr(source, field)
        if value is not None and (folder / value).exists() and not _is_shipped(value):
            # Not by `/`, which would drop the `./` that marks a folder.
            found[field] = os.path.join(folder, value)  # noqa: PTH118
    return source.model_copy(update=found)


def _is_shipped(table: str) -> bool:
    """Whether a text is the name of a shipped table."""
    # Late: tables bring pyarrow.
    from train_benchmark.table.benchmark_table import BenchmarkTable

    return table in BenchmarkTable.shipped()
