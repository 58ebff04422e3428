"""Write the forecasts that the shipped artifact must make: `python -m tests.golden.renew`.

Run it after the artifact was fitted again, and look at the difference before committing it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from graph_encoding import Cell, CellSpace
from surrogate import Forecaster
from surrogate.forecasting.forecast import Forecast

PATH = Path(__file__).with_name("forecasts.json")
LEVEL = 0.9
SETTING = "timit-micro/cpu-onnx-fp32-t1-b1-1s"
STANDARD_CELLS = 24
EXTENDED_CELLS = (
    "10",
    "50",
    "10_100",
    "linear:1",
    "conv9:1",
    "conv3:0_110_4100",
    "conv7d3:1_conv5d3:01",
    "max_pool3:0_avg_pool3:10_conv3:000",
    "conv5g2:0_111_2111",
    "gated_linear:1_max_pool3:01",
    "conv11:1_100_1000",
    "10_100_1000_11111",
    "21_conv9:01_3010_11110",
    "31_210_0101_10000",
    "41_301_2101_11010_010101",
    "51_500_5000",
)
"""Cells of other sizes and operations, seen and unseen, and a dead one."""
CURVE_CELLS = ("10_100_1000", "conv9:1")
OBSERVED_CELL, OBSERVED_CURVE = "21_210_3010", (0.93, 0.87, 0.81, 0.78)

_DIGITS = 12
_CURVE_FIELDS = ("mean", "std", "low", "high")


def forecasts() -> dict[str, Any]:
    """Forecasts of the shipped artifact as JSON has them."""
    forecaster = Forecaster.load()
    chosen = np.random.default_rng(23).choice(CellSpace().size, STANDARD_CELLS, replace=False)
    cells = [*(CellSpace().cell(int(i)) for i in np.sort(chosen)), *EXTENDED_CELLS]
    cells = [cell if isinstance(cell, Cell) else Cell.parse(cell) for cell in cells]
    (observed,) = forecaster.forecast(
        OBSERVED_CELL, LEVEL, observed_curve=OBSERVED_CURVE, latency=False
    )
    curves = forecaster.forecast(CURVE_CELLS, LEVEL, latency=False)
    return {
        "cells": [
            _plain(f) for f in forecaster.forecast(cells, LEVEL, curve=False, latency=[SETTING])
        ],
        "curves": {f.cell: _curve(f) for f in curves},
        "observed": {**_plain(observed), "curve": _curve(observed)},
    }


def _plain(forecast: Forecast) -> dict[str, Any]:
    return {
        "cell": forecast.cell,
        "functional_key": forecast.functional_key,
        "support": forecast.support,
        "params": forecast.params,
        "macs": forecast.macs,
        "distance": _rounded(forecast.distance),
        "targets": {
            t.target: {
                "mean": _rounded(t.mean),
                "std": _rounded(t.std),
                "std_model": _rounded(t.std_model),
                "low": _rounded(t.low),
                "high": _rounded(t.high),
                "collapse_probability": _rounded(t.collapse_probability),
            }
            for t in forecast.targets
        },
        "latencies_s": {
            t.setting: {
                "support": t.support,
                "mean": _rounded(t.mean),
                "std": _rounded(t.std),
                "low": _rounded(t.low),
                "high": _rounded(t.high),
                "measured": _rounded(t.measured),
            }
            for t in forecast.latencies
        },
    }


def _curve(forecast: Forecast) -> dict[str, list[float | None]]:
    assert forecast.curve is not None
    return {
        name: [_rounded(value) for value in getattr(forecast.curve, name)] for name in _CURVE_FIELDS
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")


if __name__ == "__main__":
    PATH.write_text(json.dumps(forecasts(), indent=1) + "\n", encoding="utf-8")
