"""Strict JSON: no NaN, no infinity, and values of the declared types only."""

import json
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from graph_encoding.common.errors import UserError
from graph_encoding.common.toml_config import broken_rules

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")

_MOST_SHOWN = 3
"""Errors of one value that a message lists."""


def strict_json(text: str) -> Any:
    """Parse JSON, without NaN and infinities, which Python's parser accepts.

    Raises:
        ValueError: if the text is not JSON.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as e:
        raise ValueError("it has lists within lists, or objects within objects, without end") from e


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def parse_json(text: str, kind: type[T], rule: str) -> T:
    """Parse a JSON object as a dataclass; no value is converted to another type.

    Args:
        text: the JSON text.
        kind: the dataclass; its `__pydantic_config__` may forbid unknown keys, NaN and infinity.
        rule: what the text must be, for messages.

    Raises:
        UserError: with the rule and each wrong key and value.
    """
    found: T = _validated(kind, rule, lambda adapter: adapter.validate_json(text, strict=True))
    return found


def from_typed_row(row: dict[str, Any], kind: type[T], rule: str) -> T:
    """Build a dataclass from values whose types are known already, such as those of Parquet.

    Raises:
        UserError: with the rule and each wrong key and value.
    """
    found: T = _validated(kind, rule, lambda adapter: adapter.validate_python(row))
    return found


# pydantic is imported late: that takes 0.1 s, and a forecast does not need it.
@cache
def _adapter(kind: Any) -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _validated(kind: Any, rule: str, validate: "Callable[[TypeAdapter[Any]], Any]") -> Any:
    from pydantic import ValidationError

    try:
        return validate(_adapter(kind))
    except ValidationError as e:
        lines = broken_rules(e, kind)
        more = f"; {len(lines) - _MOST_SHOWN} more" if len(lines) > _MOST_SHOWN else ""
        raise UserError(f"{rule}: {'; '.join(lines[:_MOST_SHOWN])}{more}") from e
