"""Targets and latencies of a forecast by name, and what happens where there is none."""

from dataclasses import replace

import pytest

from graph_encoding.common.errors import DeadCellError, UnknownNameError, UserError
from surrogate.forecasting.values import Forecast, TargetForecast
from surrogate.latency.model import LatencyForecast

TARGET = TargetForecast("val_per", "phone error rate", 0.6, 0.01, 0.008, 0.006, 0.58, 0.62, 0.0)
LATENCY = LatencyForecast("net/cpu", "A", 1e-3, 1e-4, 9e-4, 2e-3, None, "interpolated", "artifact")
LIVING = Forecast(
    cell="10_100_1000",
    functional_key="key",
    params=1,
    macs=1,
    support="interpolated",
    note="",
    distance=0.1,
    level=0.9,
    targets=(TARGET,),
    curve=None,
    latencies=(LATENCY, replace(LATENCY, device="B"), replace(LATENCY, setting="net/gpu")),
    measured_row=None,
)
DEAD = replace(LIVING, cell="50", support="dead", note="no input", targets=(), latencies=())


def test_by_name() -> None:
    assert LIVING.target("val_per") is TARGET
    assert LIVING.latency("net/cpu", "A") is LATENCY
    assert LIVING.latency("net/gpu").setting == "net/gpu"


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="'wer'; this forecast has val_per"):
        LIVING.target("wer")
    with pytest.raises(UserError, match="fits 0; known: net/cpu on A, net/cpu on B, net/gpu on A"):
        LIVING.latency("net/tpu")


def test_a_setting_of_several_devices_needs_the_device() -> None:
    with pytest.raises(UserError, match="'net/cpu' on any device fits 2"):
        LIVING.latency("net/cpu")


def test_a_dead_cell_has_an_error_of_its_own() -> None:
    for ask in (lambda: DEAD.target("val_per"), lambda: DEAD.latency("net/cpu")):
        with pytest.raises(DeadCellError, match="cell '50' has no forecast: no input"):
            ask()
