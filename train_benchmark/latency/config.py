"""Configuration of a latency sweep: a `configs/latency/*.toml` file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from graph_encoding.cell import Cell
from graph_encoding.common.toml_config import load_config
from graph_encoding.semantics import Semantics
from train_benchmark.collecting.cell_choice import CellsConfig, choose_cells
from train_benchmark.latency.setting import LatencySetting
from train_benchmark.strict_config import MacroName, StrictConfig


class MethodConfig(StrictConfig):
    """How a cell is measured; docs/explanation/latency.md has the reasons.

    Attributes:
        cells_at_a_time: cells that are in memory together and measured in turns.
        loads: how often each network is loaded; its rounds use the loads in turn.
        rounds: turns of each cell in one series, at least as many as loads.
        runs: timed runs per turn, both of a cell and of the reference.
        discarded_runs: untimed runs before those, which fill the caches.
        reference_every: number of turns from one timing of the reference to the next.
        max_relative_error: a cell with a larger relative standard error is measured again.
        max_attempts: maximum number of series of rounds per cell.
        baseline_seconds: how long to search for the machine's best speed, once per setting.
    """

    cells_at_a_time: int = Field(ge=1)
    loads: int = Field(ge=1)
    rounds: int = Field(ge=2)
    runs: int = Field(ge=1)
    discarded_runs: int = Field(ge=0)
    reference_every: int = Field(ge=1)
    max_relative_error: float = Field(gt=0)
    max_attempts: int = Field(ge=1)
    baseline_seconds: float = Field(ge=0)

    @model_validator(mode="after")
    def _every_load_has_a_round(self) -> Self:
        if self.rounds < self.loads:
            raise ValueError(f"rounds must be >= loads, but got {self.rounds} and {self.loads}")
        return self


class LatencyConfig(StrictConfig):
    """A `configs/latency/*.toml` file; the path of a file of cells is relative to it."""

    macro: MacroName
    semantics: Literal["paper", "released"]
    settings: tuple[str, ...] = Field(min_length=1)
    reference: str
    method: MethodConfig
    cells: CellsConfig


@dataclass(frozen=True)
class Sweep:
    """Cells to measure in some settings, one setting after another.

    Attributes:
        settings: how networks are run.
        semantics: how cells are read.
        reference: the cell whose timings correct for drift.
        method: how a cell is measured.
        cells: one per function, in the order of measurement.
    """

    settings: tuple[LatencySetting, ...]
    semantics: Semantics
    reference: Cell
    method: MethodConfig
    cells: tuple[Cell, ...]

    @classmethod
    def load(cls, path: Path) -> "Sweep":
        """Read the configuration of a sweep.

        Raises:
            UserError: if the file is missing, a key unknown, a value of the wrong type, or a
                setting or cell does not parse.
        """
        config = load_config(path, LatencyConfig)
        semantics = Semantics(config.semantics)
        names = dict.fromkeys(config.settings)
        return cls(
            tuple(LatencySetting.parse(f"{config.macro}/{name}") for name in names),
            semantics,
            Cell.parse(config.reference),
            config.method,
            tuple(choose_cells(config.cells, semantics, path.parent)),
        )

    def describe(self) -> dict[str, Any]:
        """The properties that all records of a folder share, as plain values."""
        return {
            "semantics": self.semantics.value,
            "reference": self.reference.text,
            "method": self.method.model_dump(),
        }
