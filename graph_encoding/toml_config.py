"""One TOML file = one config object: unknown keys and wrong values are errors that name the file."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from graph_encoding.errors import UserError

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

M = TypeVar("M", bound="BaseModel")


def load_config(path: Path, model: type[M]) -> M:
    """Read a TOML file as a pydantic model.

    Args:
        path: the file.
        model: the model class; give it `extra="forbid"`, so that a misspelt key is an error.

    Raises:
        UserError: if the file cannot be read, is not TOML, or breaks a rule of the model; the
            message names the file and, one a line, each key with its rule and its value.
    """
    # Late: pydantic costs 0.1 s, and most users of graph_encoding never read a config.
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise UserError(f"cannot read config {path}: {e.strerror}") from e
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise UserError(f"config {path} must be TOML: {e}") from e
    try:
        return model.model_validate(values)
    except ValidationError as e:
        lines = [f"  {_describe(error, model)}" for error in e.errors()]
        raise UserError("\n".join([f"config {path} breaks its rules:", *lines])) from e


def _describe(error: "ErrorDetails", model: "type[BaseModel]") -> str:
    key = ".".join(str(part) for part in error["loc"]) or "(whole file)"
    if error["type"] == "extra_forbidden":
        return f"unknown key {key!r}; known: {', '.join(_fields_at(error['loc'][:-1], model))}"
    if error["type"] == "missing":
        return f"key {key!r} is required, but is not there"
    return f"key {key!r}: {error['msg']}, but got {error['input']!r}"


def _fields_at(location: "tuple[int | str, ...]", model: "type[BaseModel]") -> list[str]:
    """Names of the fields of the model that stands at a key, as far as it can be told."""
    for part in location:
        field = model.model_fields.get(str(part))
        if field is None or not hasattr(field.annotation, "model_fields"):
            return ["see the config's documentation"]
        model = field.annotation
    return list(model.model_fields)
