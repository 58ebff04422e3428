"""Settings of predictors: frozen dataclasses whose fields state their bounds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

from graph_encoding.common.errors import UserError


@dataclass(frozen=True)
class Bounds:
    """Range of a number; pydantic, which reads settings from files, ignores it.

    Attributes:
        text: the range in words, such as ">= 1".
        low: least value.
        high: greatest value.
        open_low: whether the least value itself is out of range.
        open_high: whether the greatest value itself is out of range.
    """

    text: str
    low: float
    high: float = float("inf")
    open_low: bool = False
    open_high: bool = False

    def hold(self, value: float) -> bool:
        """Whether a value is in range; NaN never is."""
        above = value > self.low if self.open_low else value >= self.low
        return above and (value < self.high if self.open_high else value <= self.high)


Count = Annotated[int, Bounds(">= 1", 1)]
CountOfTwo = Annotated[int, Bounds(">= 2", 2)]
NonNegative = Annotated[float, Bounds(">= 0", 0)]
Positive = Annotated[float, Bounds("> 0", 0, open_low=True)]
Share = Annotated[float, Bounds("in (0, 1]", 0, 1, open_low=True)]
_PROBABILITY = Bounds("in [0, 1)", 0, 1, open_high=True)
Probability = Annotated[float, _PROBABILITY]
OptionalProbability = Annotated[float | None, _PROBABILITY]


@dataclass(frozen=True)
class Settings:
    """Base of the settings of predictors.

    The constructor checks the bounds and literals of all fields. It turns mappings, which saved
    settings contain, back into settings.

    Raises:
        UserError: if a value is out of bounds or none of the literals.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self), include_extras=True).items():
            value = getattr(self, name)
            for bounds in getattr(hint, "__metadata__", ()):
                if value is not None and not bounds.hold(value):
                    raise UserError(f"{name} must be {bounds.text}, but got {value}")
            if get_origin(hint) is Literal and value not in get_args(hint):
                raise UserError(f"{name} must be one of {get_args(hint)}, but got {value!r}")
            if isinstance(value, Mapping):
                object.__setattr__(self, name, hint(**value))
