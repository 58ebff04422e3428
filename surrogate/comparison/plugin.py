"""Predictors by name: registered ones, and those of other packages by `module:Class`."""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from graph_encoding.common.errors import UserError
from graph_encoding.common.registry import class_by_name
from graph_encoding.common.toml_config import distinct_errors, rule_and_value
from surrogate.jobs.provenance import hash_of_class
from surrogate.predictors.base import PREDICTORS, Predictor


@dataclass(frozen=True)
class Contender:
    """A predictor that is compared.

    Attributes:
        name: as in the configuration.
        kind: its class.
        settings: its settings.
    """

    name: str
    kind: type[Predictor]
    settings: Any

    def make(self) -> Predictor:
        """A new, unfitted predictor."""
        return self.kind(self.settings)

    @property
    def uses_features(self) -> bool:
        """Whether it learns from the features given with graphs."""
        return self.kind.uses_features

    @property
    def code_sha256(self) -> str:
        """Checksum of the source code of its class, see `hash_of_class`."""
        return hash_of_class(self.kind)


def contender(name: str, settings: Mapping[str, Any]) -> Contender:
    """Find a predictor and check its settings.

    Args:
        name: a registered name, or `module:Class` of something that can be imported.
        settings: settings that differ from the defaults.

    Raises:
        UserError: if there is no such predictor, its settings are not a dataclass, or one is wrong.
    """
    kind = predictor_kind(name)
    return Contender(name, kind, checked_settings(name, kind, settings))


def find_plugins(names: Iterable[str]) -> None:
    """Let plugins of the working directory be imported by name, as `python -m` does.

    That directory comes last: a file there must not replace an installed package.

    Args:
        names: names of predictors or searchers; without a `module:Class` nothing changes.
    """
    if any(":" in name for name in names) and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))


def checked_settings(name: str, kind: type[Any], plain: Mapping[str, Any]) -> Any:
    """Settings of a predictor or searcher from nested tables.

    Args:
        name: as it is named.
        kind: its class; `settings_type` is the dataclass of its settings.
        plain: those that differ from the defaults.

    Raises:
        UserError: if the settings are not a dataclass, or one is unknown, of another type or out of
            bounds; the message lists all.
    """
    settings_type = getattr(kind, "settings_type", None)
    if not (isinstance(settings_type, type) and is_dataclass(settings_type)):
        raise UserError(
            f"settings_type of {name!r} must be a dataclass, so that results can record what was "
            f"run, but is {settings_type!r}; decorate it with @dataclass(frozen=True)"
        )
    checked: TypeAdapter[Any] = TypeAdapter(settings_type)
    try:
        # Strict, so that `true` is not a learning rate of 1. As JSON, because strict validation of
        # Python values refuses a table in place of a nested dataclass.
        return checked.validate_json(json.dumps(dict(plain), default=str), strict=True)
    except ValidationError as e:
        known = ", ".join(names_of_settings(settings_type))
        places = [(".".join(map(str, x["loc"])), rule_and_value(x)) for x in distinct_errors(e)]
        lines = [f"  {place}: {what}" if place else f"  {what}" for place, what in places]
        raise UserError(
            "\n".join([f"settings must be those of {name!r} ({known}):", *lines])
        ) from e


def names_of_settings(settings_type: type[Any], prefix: str = "") -> list[str]:
    """Names of all settings, "xgb.depth" for the depth in the table "xgb"."""
    found = []
    for field, kind in get_type_hints(settings_type).items():
        inner = is_dataclass(kind)
        found += (
            names_of_settings(kind, f"{prefix}{field}.")
            if inner and isinstance(kind, type)
            else [f"{prefix}{field}"]
        )
    return found


def predictor_kind(name: str) -> type[Predictor]:
    """The class of a predictor.

    Raises:
        UserError: if the name is neither registered nor `module:Class`, the module cannot be
            imported, or the class is not a `Predictor`.
    """
    return class_by_name(name, PREDICTORS, Predictor)
