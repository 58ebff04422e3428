"""The former name of `surrogate.comparison`; it will be removed in the next release."""

import warnings
from typing import Any

from surrogate import comparison


def __getattr__(name: str) -> Any:
    if name not in comparison.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(
        "surrogate.benchmark is now surrogate.comparison; import from there",
        DeprecationWarning,
        stacklevel=2,
    )
    return getattr(comparison, name)
