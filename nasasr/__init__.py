"""The names that most programs need, from the three packages: `import nasasr as nr`.

>>> import nasasr as nr
>>> nr.Cell.parse("00_110_0111").text
'00_110_0111'

Every name is loaded at its first use, so that the import itself takes no time.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graph_encoding import (
        Cell,
        CellSpace,
        DeadCellError,
        Semantics,
        UserError,
        draw_svg,
        draw_text,
        functional_key,
    )
    from surrogate import (
        Answer,
        Benchmark,
        Forecast,
        Forecaster,
        Predictor,
        __version__,
        register_predictor,
    )
    from train_benchmark.table.benchmark_table import BenchmarkTable

__all__ = [
    "Answer",
    "Benchmark",
    "BenchmarkTable",
    "Cell",
    "CellSpace",
    "DeadCellError",
    "Forecast",
    "Forecaster",
    "Predictor",
    "Semantics",
    "UserError",
    "__version__",
    "draw_svg",
    "draw_text",
    "functional_key",
    "register_predictor",
]

_HOMES = {
    **dict.fromkeys(__all__, "surrogate"),
    **dict.fromkeys(
        ("Cell", "CellSpace", "DeadCellError", "Semantics", "UserError"), "graph_encoding"
    ),
    **dict.fromkeys(("draw_svg", "draw_text", "functional_key"), "graph_encoding"),
    "BenchmarkTable": "train_benchmark.table.benchmark_table",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'nasasr' has no {name!r}; it has {', '.join(__all__)}")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
