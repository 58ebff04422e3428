"""TOML files as pydantic models: errors name each unknown key and wrong value."""

import json
import tomllib
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from graph_encoding.common.errors import UserError, shown

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

M = TypeVar("M", bound="BaseModel")


def load_config(path: Path, model: type[M], *, empty_tables: Sequence[str] = ()) -> M:
    """Read a TOML file as a pydantic model.

    Args:
        path: the file.
        model: the model class; give it `extra="forbid"`, so that a misspelt key is an error.
            Values are not converted to other types.
        empty_tables: names of tables that the file may leave out, for empty ones.

    Raises:
        UserError: if the file cannot be read, is not TOML, or breaks a rule of the model; the
            message names the file and, one per line, each key with its rule and its value.
    """
    # Late: pydantic takes 0.1 s to import, and most users of graph_encoding read no config.
    from pydantic import ValidationError

    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as e:
        raise UserError(f"cannot read config {path}: {e.strerror}") from e
    except (ValueError, RecursionError) as e:
        # Not TOML or UTF-8, an integer of thousands of digits, or too deeply nested arrays.
        raise UserError(f"config {path} must be TOML: {e}") from e
    _refuse_nul(path, values)
    try:
        # Strict, so that `true` is not 1 and "4" not 4. Through JSON, because strict validation of
        # Python values would refuse arrays for tuples.
        plain = json.dumps({**{name: {} for name in empty_tables}, **values}, default=str)
        return model.model_validate_json(plain, strict=True)
    except ValidationError as e:
        raise _broken_rules(path, model, e) from e


def validated(values: dict[str, Any], model: type[M], path: Path) -> M:
    """Validate values that were read from several files.

    Raises:
        UserError: if they break a rule of the model; the message is that of `load_config`.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(values)
    except ValidationError as e:
        raise _broken_rules(path, model, e) from e


def _broken_rules(path: Path, model: type[Any], error: "ValidationError") -> UserError:
    lines = [f"  {line}" for line in broken_rules(error, model)]
    return UserError("\n".join([f"config {path} breaks its rules:", *lines]))


def broken_rules(error: "ValidationError", kind: type[Any]) -> list[str]:
    """One line per error of a validation: key, rule and value.

    Args:
        error: the errors.
        kind: the pydantic model or the dataclass that was expected, for its keys.
    """
    return [_describe(one, kind) for one in distinct_errors(error)]


def distinct_errors(error: "ValidationError") -> "list[ErrorDetails]":
    """The errors of a validation without those that only follow from others.

    A list without a valid item is also too short.
    """
    found = error.errors()
    places = [one["loc"] for one in found]

    def follows(one: "ErrorDetails") -> bool:
        here = one["loc"]
        return one["type"] == "too_short" and any(
            len(p) > len(here) and p[: len(here)] == here for p in places
        )

    return [one for one in found if not follows(one)]


def _refuse_nul(path: Path, values: object) -> None:
    """Refuse NUL characters, which no path can contain."""
    if isinstance(values, dict | list):
        for value in [*values, *values.values()] if isinstance(values, dict) else values:
            _refuse_nul(path, value)
    if isinstance(values, str) and "\0" in values:
        raise UserError(f"a text of config {path} must have no NUL character, but got {values!r}")


def _describe(error: "ErrorDetails", kind: type[Any]) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"unknown key {shown(key)}; known: {', '.join(_keys_at(error['loc'][:-1], kind))}"
    if error["type"] == "missing":
        return f"key {shown(key)} is required, but is missing"
    return f"key {shown(key)}: {rule_and_value(error)}" if key else rule_and_value(error)


def rule_and_value(error: "ErrorDetails") -> str:
    """The rule that a value breaks, and the value; our own messages contain it already."""
    if error["type"] == "value_error":
        return error["msg"].removeprefix("Value error, ")
    return f"{error['msg']}, but got {shown(error['input'])}"


def _keys_at(location: tuple[int | str, ...], model: Any) -> list[str]:
    """Keys of the model or dataclass at a place of the config."""
    for part in location:
        model = _types_of_keys(model).get(str(part))
    return list(_types_of_keys(model)) or ["see the documentation of this config"]


def _types_of_keys(model: Any) -> dict[str, Any]:
    if is_dataclass(model):
        return {field.name: field.type for field in fields(model)}
    found: dict[str, FieldInfo] = getattr(model, "model_fields", {})
    return {name: field.annotation for name, field in found.items()}
