"""Base class of this package's configurations."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from graph_encoding.macro import MACROS


class StrictConfig(BaseModel):
    """Immutable; unknown keys, infinity and NaN are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _known_macro(name: str) -> str:
    MACROS.get(name)
    return name


MacroName = Annotated[str, AfterValidator(_known_macro)]
"""Name of a registered macro network."""
