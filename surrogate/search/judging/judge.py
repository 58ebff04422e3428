"""What a comparison judges by: truth, measured latencies, and limits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from graph_encoding.common.errors import UserError
from surrogate.search.judging.config import CompareConfig
from surrogate.search.judging.truth import Truth
from surrogate.search.pareto import hypervolume

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable


@dataclass(frozen=True, eq=False)
class Judge:
    """Judges functions of a space.

    Attributes:
        truth: true cost of the first objective of every function.
        allowed: functional keys that hold all limits, by measurement.
        second: functional key -> cost of the second objective; None without one.
        reference: costs of both objectives at the reference point of hypervolumes.
    """

    truth: Truth
    allowed: frozenset[str]
    second: Mapping[str, float] | None = None
    reference: tuple[float, float] | None = None

    @classmethod
    def of(cls, config: CompareConfig, table: "BenchmarkTable | None", truth: Truth) -> "Judge":
        """The judge of a comparison.

        Args:
            config: the comparison.
            table: where latencies are from; None if there is neither a limit nor a second
                objective.
            truth: costs of the first objective.

        Raises:
            UserError: if the table lacks the latency of a function, or no function holds all
                limits.
        """
        problem = config.problem
        allowed = set(truth.cost_of)
        if table is None:
            return cls(truth, frozenset(allowed))
        for limit in problem.limits:
            measured = _seconds(table, limit.quantity.name, truth)
            allowed &= {key for key, seconds in measured.items() if seconds <= limit.most}
        if not allowed:
            raise UserError("no function of the space holds all limits; raise them")
        if config.second is None or config.hypervolume_reference is None:
            return cls(truth, frozenset(allowed))
        first, second = problem.objectives
        if second.kind == "latency":
            costs = _seconds(table, second.name, truth)
        elif second.is_static:
            functions = problem.space.functions
            pairs = zip(functions.keys, functions.graphs, strict=True)
            costs = {key: problem.static_value(second, graph) for key, graph in pairs}
        else:
            raise UserError(
                "a second objective must be a latency setting, params or macs, but is "
                f"{second.name!r}"
            )
        per, of_second = config.hypervolume_reference
        return cls(truth, frozenset(allowed), costs, (first.to_cost(per), of_second))

    @property
    def is_limited(self) -> bool:
        """Whether some functions break a limit."""
        return len(self.allowed) < len(self.truth.cost_of)

    def regret(self, key: str) -> float:
        """How much worse than the best allowed function one is, >= 0.

        One that breaks a limit is as bad as the worst function, as is a search that finds nothing:
        it would often be better than all that are allowed.

        Raises:
            UserError: if the truth does not have it.
        """
        regret = self.truth.regret(key)
        return regret - self._least_regret if key in self.allowed else self.worst_regret

    @cached_property
    def _least_regret(self) -> float:
        return min(self.truth.regret(key) for key in self.allowed)

    @cached_property
    def worst_regret(self) -> float:
        """Regret of the worst function: what a search that found nothing has."""
        return max(self.truth.cost_of.values()) - self.truth.least_cost - self._least_regret

    def best(self, share: float) -> frozenset[str]:
        """The best allowed functions: a share of them, at least one, rounded up."""
        return self.truth.best(share, self.allowed)

    def hypervolume(self, keys: Iterable[str]) -> float:
        """Hypervolume of some functions, as a share of that of the true front."""
        return self._area(key for key in keys if key in self.allowed) / self._whole

    @cached_property
    def _whole(self) -> float:
        area = self._area(self.allowed)
        if area <= 0:
            raise UserError(
                "hypervolume_reference must be worse than some function in both objectives, but is "
                f"{self.reference}"
            )
        return area

    def _area(self, keys: Iterable[str]) -> float:
        assert self.second is not None and self.reference is not None
        costs = [(self.truth.cost_of[key], self.second[key]) for key in keys]
        # Latencies are some 1e-4 seconds: in units of the reference areas are not tiny.
        unit = np.array([1.0, self.reference[1]])
        return hypervolume(np.array(costs).reshape(-1, 2) / unit, np.array(self.reference) / unit)


def _seconds(table: "BenchmarkTable", setting: str, truth: Truth) -> dict[str, float]:
    """Measured latency of every function."""
    measured = table.latency.seconds(setting)
    lacking = [key for key in truth.cost_of if key not in measured]
    if lacking:
        raise UserError(
            f"table {table.metadata.name!r} must have latencies of all functions in setting "
            f"{setting!r} to judge by, but lacks {len(lacking)}; take a setting that was measured "
            "for all"
        )
    return {key: measured[key] for key in truth.cost_of}
