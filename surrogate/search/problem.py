"""What is searched for: objectives and limits over the functions of a space."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Literal

from graph_encoding.common.errors import UserError
from graph_encoding.common.hashing import content_hash
from graph_encoding.cost import macs_of_graph, params_of_graph
from graph_encoding.graph import CellGraph
from graph_encoding.macro import MACROS
from surrogate.data.prediction import check_level
from surrogate.data.targets import TARGETS, VAL_PER, Target
from surrogate.search.space import SearchSpace

Kind = Literal["target", "latency", "params", "macs"]

_STATIC: tuple[Kind, ...] = ("params", "macs")


@dataclass(frozen=True)
class Quantity:
    """A number of a function that a search optimises or limits.

    Attributes:
        name: name of a target, of a latency setting, "params" or "macs"; its name in
            `Evaluation.values`.
        kind: which of these.
        target: what a target is; None of other kinds, which are all minimised.
    """

    name: str
    kind: Kind
    target: Target | None = None

    def __post_init__(self) -> None:
        if (self.kind == "target") != (self.target is not None):
            raise UserError(
                f"a quantity of kind {self.kind!r} must have a target exactly if it is one, but "
                f"{self.name!r} has {self.target!r}; use Quantity.of or Quantity.of_target"
            )

    @classmethod
    def of(cls, name: str) -> "Quantity":
        """The quantity of a name.

        Args:
            name: "params", "macs", a registered target, or a latency setting such as
                "timit-micro/cpu-onnx-fp32-t1-b1-1s".

        Raises:
            UserError: if it is none of these.

        >>> Quantity.of("val_per").kind, Quantity.of("macs").unit
        ('target', 'multiply-accumulate')
        """
        if name in TARGETS:
            return cls.of_target(TARGETS.get(name))
        for kind in _STATIC:
            if name == kind:
                return cls(name, kind)
        if "/" in name:
            return cls(name, "latency")
        raise UserError(
            f"a quantity must be a target ({', '.join(TARGETS)}), params, macs, or a latency "
            f"setting with a slash, such as timit-micro/cpu-onnx-fp32-t1-b1-1s, but got {name!r}"
        )

    @classmethod
    def of_target(cls, target: Target) -> "Quantity":
        """A target, which need not be registered."""
        return cls(target.name, "target", target)

    @property
    def is_static(self) -> bool:
        """Whether it is known exactly without a training or a measurement."""
        return self.kind in _STATIC

    @property
    def unit(self) -> str:
        """Unit of its values."""
        if self.target is not None:
            return self.target.unit
        units = {"latency": "second", "params": "parameter", "macs": "multiply-accumulate"}
        return units[self.kind]

    def to_cost(self, value: float) -> float:
        """The value with the sign that makes lower better."""
        is_raised = self.target is not None and self.target.direction == "maximise"
        return -value if is_raised else value

    def to_plain(self) -> dict[str, Any]:
        """What the quantity is, as JSON has it."""
        direction = "minimise" if self.target is None else self.target.direction
        return {"name": self.name, "kind": self.kind, "direction": direction}


@dataclass(frozen=True)
class Limit:
    """An upper bound that a function has to hold.

    Attributes:
        quantity: a latency, "params" or "macs".
        most: the greatest value allowed, in its unit, > 0.
        level: probability, in (0, 1), with which the limit must hold for a function to be
            trained; exact quantities hold it or do not.
    """

    quantity: Quantity
    most: float
    level: float = 0.9

    def __post_init__(self) -> None:
        check_level(self.level)
        if self.quantity.kind == "target":
            raise UserError(
                "a limit must be on a latency, params or macs, but got the target "
                f"{self.quantity.name!r}; make it an objective"
            )
        if not (isinstance(self.most, Real) and math.isfinite(self.most) and self.most > 0):
            raise UserError(
                f"a limit must be a finite number > 0, but that on {self.quantity.name!r} is "
                f"{self.most!r}"
            )


@dataclass(frozen=True)
class SearchProblem:
    """What is searched for.

    Attributes:
        objectives: (m,) distinct quantities to optimise, m >= 1. Every one is minimised as a cost,
            whatever its own direction.
        limits: upper bounds, at most one for each quantity; one may be on an objective too.
        space: where.
        macro: registered name of the macro network that params and MACs are counted of.

    Raises:
        UserError: if there is no objective, one repeats, two limits bound one quantity, or there
            is no such macro network.
    """

    objectives: tuple[Quantity, ...] = (Quantity.of_target(VAL_PER),)
    limits: tuple[Limit, ...] = ()
    space: SearchSpace = field(default_factory=SearchSpace)
    macro: str = "timit-micro"

    def __post_init__(self) -> None:
        MACROS.get(self.macro)
        if not self.objectives:
            raise UserError("a search must have at least one objective, such as val_per")
        for what, names in (
            ("objective", [quantity.name for quantity in self.objectives]),
            ("limit", [limit.quantity.name for limit in self.limits]),
        ):
            if len(set(names)) != len(names):
                raise UserError(f"every {what} must be given once, but got {names}")

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """All that an evaluation has a value of: objectives, then limits that are none."""
        own = {quantity.name: quantity for quantity in self.objectives}
        further = {limit.quantity.name: limit.quantity for limit in self.limits}
        return tuple({**further, **own}[name] for name in {**own, **further})

    def costs(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """(m,) costs of the objectives, lower is better.

        Args:
            values: name of a quantity -> its value.

        Raises:
            UserError: if the value of an objective is missing or not finite.
        """
        found = []
        for quantity in self.objectives:
            value = values.get(quantity.name, math.nan)
            if not math.isfinite(value):
                raise UserError(
                    f"an evaluation must have a finite value of {quantity.name!r}, but has "
                    f"{dict(values)}; record it as failed"
                )
            found.append(quantity.to_cost(value))
        return tuple(found)

    def violation(self, values: Mapping[str, float]) -> float:
        """How far values are beyond the limits, as a share of each, added up; 0 if all hold."""
        return sum(
            max(0.0, values[limit.quantity.name] / limit.most - 1.0)
            for limit in self.limits
            if limit.quantity.name in values
        )

    def static_value(self, quantity: Quantity, graph: CellGraph) -> float:
        """Parameters or MACs (of one second of speech) of a function's network."""
        macro = MACROS.get(self.macro)
        if quantity.kind == "params":
            return float(params_of_graph(graph, macro))
        assert quantity.kind == "macs", "only params and macs are known without a measurement"
        return float(macs_of_graph(graph, macro, input_frames=round(1 / macro.frame_shift_s)))

    @property
    def digest(self) -> str:
        """sha256 of all that the problem is."""
        return content_hash(self.to_plain())

    def to_plain(self) -> dict[str, Any]:
        """The problem, as JSON has it."""
        return {
            "objectives": [quantity.to_plain() for quantity in self.objectives],
            "limits": [
                {**limit.quantity.to_plain(), "most": limit.most, "level": limit.level}
                for limit in self.limits
            ],
            "nodes": self.space.nodes,
            "ops": list(self.space.ops),
            "semantics": self.space.semantics.value,
            "macro": self.macro,
        }
