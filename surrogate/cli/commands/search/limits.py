"""Objectives and limits of a search, as a command line has them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from graph_encoding.common.errors import UserError
from graph_encoding.macro import MACROS, Macro

if TYPE_CHECKING:
    from surrogate.fitting.artifact import Artifact
    from surrogate.search import Limit, LimitModel, SearchProblem

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
_TIME = re.compile(r"(?P<number>[0-9.eE+-]+?)(?P<unit>s|ms|us)")


@dataclass(frozen=True)
class Bounds:
    """Limits as they were given.

    Attributes:
        latencies: texts SETTING=TIME.
        params: most parameters; None for no limit.
        macs: most MACs of one second of speech; None for no limit.
        level: probability with which a latency limit must hold.
    """

    latencies: Sequence[str]
    params: int | None
    macs: int | None
    level: float

    def limits(self) -> "tuple[Limit, ...]":
        """The limits.

        Raises:
            UserError: if a text is no limit.
        """
        from surrogate.search import Limit, Quantity

        counts = (("params", self.params), ("macs", self.macs))
        exact = [Limit(Quantity.of(n), float(most), self.level) for n, most in counts if most]
        return (*(self._latency(text) for text in self.latencies), *exact)

    def _latency(self, text: str) -> "Limit":
        from surrogate.search import Limit, Quantity

        setting, _, time = text.rpartition("=")
        quantity = Quantity(setting, "latency")
        return Limit(quantity, seconds_of(time if setting else "", text), self.level)

    def models(self, problem: "SearchProblem", artifact: "Artifact") -> "list[LimitModel]":
        """Models of the latency limits, out of an artifact.

        Raises:
            UserError: if the artifact does not know a setting.
        """
        from surrogate.search import ForecastLimit

        by_setting = {model.setting: model for model in artifact.latency}
        found: list[LimitModel] = []
        for limit in problem.limits:
            if limit.quantity.kind != "latency":
                continue
            if limit.quantity.name not in by_setting:
                raise UserError(
                    f"a latency limit must be in a setting of the artifact "
                    f"({', '.join(by_setting) or 'none'}), but is in {limit.quantity.name!r}"
                )
            found.append(ForecastLimit(limit, by_setting[limit.quantity.name]))
        return found


def problem_of(
    objectives: Sequence[str], bounds: Bounds, nodes: int, ops: str | None
) -> "SearchProblem":
    """The problem of a command line.

    Raises:
        UserError: if a name or a limit is wrong.
    """
    from surrogate.search import Quantity, SearchProblem, SearchSpace

    standard = SearchSpace(nodes)
    space = standard if ops is None else SearchSpace(nodes, tuple(ops.split(",")))
    return SearchProblem(tuple(Quantity.of(name) for name in objectives), bounds.limits(), space)


def of_network(problem: "SearchProblem", macro: Macro) -> "SearchProblem":
    """The problem with params and MACs of the macro network that values are of."""
    if not any(quantity.is_static for quantity in problem.quantities):
        return problem
    if macro.name not in MACROS:  # one that its recipe has in full
        MACROS.register(macro.name, macro)
    return replace(problem, macro=macro.name)


def seconds_of(text: str, whole: str) -> float:
    """Seconds of a time with its unit.

    Raises:
        UserError: if it is no time.

    >>> seconds_of("0.23ms", "a=0.23ms") == 0.00023
    True
    """
    match = _TIME.fullmatch(text.strip())
    try:
        number = float(match["number"]) if match else None
    except ValueError:
        number = None
    if match is None or number is None:
        raise UserError(
            "a latency limit must be SETTING=TIME with the unit s, ms or us, such as "
            f"timit-micro/cpu-onnx-fp32-t1-b1-1s=0.23ms, but got {whole!r}"
        )
    return number * _SECONDS[match["unit"]]
