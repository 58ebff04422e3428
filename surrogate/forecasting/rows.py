"""Forecasts as flat rows, one per target and latency setting or one per epoch."""

from collections.abc import Iterable
from typing import Any

from surrogate.data.targets import TARGETS
from surrogate.forecasting.values import Forecast

Row = dict[str, Any]

PLACE = ("kind", "target", "unit", "setting", "device", "source")
"""Columns that identify what a row forecasts."""

EPOCH_COLUMNS = ("cell", "epoch", "mean", "std", "low", "high", "observed")

_HEAD = ("cell", "params", "macs", "support", "note", "level")
_NUMBERS = ("mean", "std", "std_model", "std_seed", "low", "high")
_ESTIMATE = ("mean", "std", "low", "high")
_EMPTY = dict.fromkeys((*PLACE, *_NUMBERS, "collapse_probability", "measured_mean"))
_NO_ESTIMATE = dict.fromkeys(f"estimate_{name}" for name in _ESTIMATE)


def forecast_rows(forecasts: Iterable[Forecast]) -> list[Row]:
    """One row per target and latency setting of each cell; a dead cell has one without numbers."""
    return [row for forecast in forecasts for row in _rows_of(forecast)]


def _rows_of(forecast: Forecast) -> list[Row]:
    head = {**{name: getattr(forecast, name) for name in _HEAD}, **_EMPTY}
    if forecast.support == "dead":
        return [{**head, "seeds": 0, **_NO_ESTIMATE}]
    rows = []
    for target in forecast.targets:
        measured = forecast.measured_row
        values = measured.values[target.target] if measured else ()
        rows.append(
            {
                **head,
                "kind": "target",
                "target": target.target,
                "unit": TARGETS.get(target.target).unit,
                **{name: getattr(target, name) for name in _NUMBERS},
                "collapse_probability": target.collapse_probability,
                "measured_mean": sum(values) / len(values) if values else None,
                "seeds": len(values),
                **{f"estimate_{name}": getattr(target.estimate, name, None) for name in _ESTIMATE},
            }
        )
    for latency in forecast.latencies:
        copied = ("support", "setting", "device", "source", "mean", "std", "low", "high")
        rows.append(
            {
                **head,
                "note": "",  # that of the error rates: other cells were timed than trained
                "kind": "latency",
                "target": "latency_s",
                "unit": "second",
                **{name: getattr(latency, name) for name in copied},
                "measured_mean": latency.measured,
                "seeds": 0,
                **_NO_ESTIMATE,
            }
        )
    return rows


def epoch_rows(forecasts: Iterable[Forecast]) -> list[Row]:
    """One row per epoch of each cell with a curve, of the columns `EPOCH_COLUMNS`."""
    return [
        {
            "cell": forecast.cell,
            "epoch": epoch,
            "mean": curve.mean[epoch - 1],
            "std": curve.std[epoch - 1],
            "low": None if curve.low is None else curve.low[epoch - 1],
            "high": None if curve.high is None else curve.high[epoch - 1],
            "observed": epoch in curve.observed_epochs,
        }
        for forecast in forecasts
        if (curve := forecast.curve) is not None
        for epoch in range(1, len(curve.mean) + 1)
    ]
