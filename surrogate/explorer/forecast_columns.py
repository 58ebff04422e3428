"""Forecasts of the whole space as columns of the page."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from surrogate.explorer.columns import DISTANCE_DIGITS, PER_DIGITS, Digits, latency_digits
from surrogate.explorer.standard_space import StandardSpace
from surrogate.explorer.table_columns import Columns
from surrogate.forecasting.forecast import Forecaster
from surrogate.forecasting.values import Forecast

SUPPORTS = ("measured", "interpolated", "extrapolated", "dead")
"""Codes of the column `support`, see `surrogate.forecasting.values.Support`."""

ENDS = ("low", "high")

OnLevel = Callable[[int, int], None]

_CELLS_AT_ONCE = 1024


def forecast_columns(
    forecaster: Forecaster,
    space: StandardSpace,
    levels: Sequence[float],
    on_level: OnLevel = lambda _done, _total: None,
) -> tuple[Columns, dict[str, Digits]]:
    """All forecasts of the functions of a space.

    Args:
        forecaster: forecasts them.
        space: the functions.
        levels: (l,) levels of the intervals; the first one's call gives the means too.
        on_level: progress: forecasts done, of how many.

    Returns:
        Columns, and how each latency setting is shown. `TARGET/mean`, `/std` and `/collapse` are
        (n,), `TARGET/low` and `/high` (l, n); so are those of `latency/SETTING` and, of the
        estimate of the mean over seeds, of `estimate/TARGET`; `curve/mean` is (epochs, n),
        `curve/low` and `/high` (l, epochs, n). `support` and `distance` are (n,).
    """
    cells = [cell for cell, lives in zip(space.cells, space.living, strict=True) if lives]
    total, done = len(levels) * len(cells), 0
    by_level: list[list[Forecast]] = []
    for level in levels:
        found: list[Forecast] = []
        for start in range(0, len(cells), _CELLS_AT_ONCE):
            found += forecaster.forecast(cells[start : start + _CELLS_AT_ONCE], level)
            on_level(done + len(found), total)
        done += len(found)
        by_level.append(found)
    digits = {
        latency.setting: latency_digits([forecast.latencies[i].mean for forecast in by_level[0]])
        for i, latency in enumerate(by_level[0][0].latencies)
    }
    columns = {
        **_target_columns(by_level),
        **_latency_columns(by_level, digits),
        **_curve_columns(by_level),
        "distance": DISTANCE_DIGITS.column(forecast.distance for forecast in by_level[0]),
        "support": np.array([SUPPORTS.index(forecast.support) for forecast in by_level[0]]),
    }
    missing: Mapping[str, int] = {"support": SUPPORTS.index("dead")}
    return (
        {name: space.of_living(c, missing.get(name, -1)) for name, c in columns.items()},
        digits,
    )


def _target_columns(by_level: Sequence[Sequence[Forecast]]) -> Columns:
    columns: Columns = {}
    for i, target in enumerate(by_level[0][0].targets):
        of_level = [[forecast.targets[i] for forecast in found] for found in by_level]
        name = target.target
        columns[f"{name}/mean"] = PER_DIGITS.column(t.mean for t in of_level[0])
        columns[f"{name}/std"] = PER_DIGITS.column(t.std for t in of_level[0])
        columns[f"{name}/collapse"] = PER_DIGITS.column(t.collapse_probability for t in of_level[0])
        for end in ENDS:
            columns[f"{name}/{end}"] = _stacked(
                (getattr(t, end) for t in found) for found in of_level
            )
        # An artifact has the estimates of a target for all cells, or for none.
        estimates = [[t.estimate for t in found if t.estimate] for found in of_level]
        if not estimates[0]:
            continue
        columns[f"estimate/{name}/mean"] = PER_DIGITS.column(e.mean for e in estimates[0])
        for end in ENDS:
            columns[f"estimate/{name}/{end}"] = _stacked(
                (getattr(e, end) for e in found) for found in estimates
            )
    return columns


def _latency_columns(
    by_level: Sequence[Sequence[Forecast]], digits: Mapping[str, Digits]
) -> Columns:
    columns: Columns = {}
    for i, (setting, shown) in enumerate(digits.items()):
        of_level = [[forecast.latencies[i] for forecast in found] for found in by_level]
        for name in ("mean", "std"):
            columns[f"latency/{setting}/{name}"] = shown.column(
                getattr(latency, name) for latency in of_level[0]
            )
        for end in ENDS:
            columns[f"latency/{setting}/{end}"] = _stacked(
                ((getattr(latency, end) for latency in found) for found in of_level), shown
            )
    return columns


def _curve_columns(by_level: Sequence[Sequence[Forecast]]) -> Columns:
    if by_level[0][0].curve is None:
        return {}
    epochs = range(len(by_level[0][0].curve.mean))

    def of_epochs(found: Sequence[Forecast], name: str) -> NDArray[np.int64]:
        rates = [getattr(forecast.curve, name) for forecast in found]
        return _stacked((row[epoch] for row in rates) for epoch in epochs)

    return {
        "curve/mean": of_epochs(by_level[0], "mean"),
        **{f"curve/{end}": np.stack([of_epochs(found, end) for found in by_level]) for end in ENDS},
    }


def _stacked(
    rows: Iterable[Iterable[float | None]], digits: Digits = PER_DIGITS
) -> NDArray[np.int64]:
    return np.stack([digits.column(row) for row in rows])
