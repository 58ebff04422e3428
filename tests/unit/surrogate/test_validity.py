"""The comparison with published error rates: which functions these are of, and its arithmetic."""

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding import Cell, Semantics, functional_key
from studies import validity
from studies.validity import (
    IDENTITY,
    POINTS,
    Published,
    Ratio,
    forecast_ratios,
    measured_ratios,
    published_ratio,
    recovered,
)
from surrogate.fitting.artifact import Artifact
from surrogate.forecasting.forecast import Forecaster
from surrogate.testing.synthetic import synthetic_table
from train_benchmark.table.benchmark_table import BenchmarkTable

ALL = (IDENTITY, *POINTS)
RATES = st.floats(0.05, 1.2)
STDS = st.floats(1e-4, 0.02)


def key_of(point: Published) -> str:
    return functional_key(Cell.parse(point.paper_cell), Semantics.PAPER)


@pytest.mark.parametrize("point", ALL, ids=lambda point: point.paper_cell)
def test_both_readings_of_a_published_cell_are_one_function(point: Published) -> None:
    """Flags are inverted in the released code, and its dilation is dropped."""
    paper, released = Cell.parse(point.paper_cell), Cell.parse(point.released_cell)
    assert functional_key(released, Semantics.RELEASED) == key_of(point)
    assert released.ops == paper.ops
    flipped = tuple(tuple(1 - flag for flag in node) for node in paper.skips)
    assert released.skips == flipped


def test_the_published_functions_are_what_the_words_say() -> None:
    assert [key_of(point) for point in ALL] == [
        "y=x",
        "1=conv5(x);2=conv5(x+1);3=conv5(2*x+1+2);y=4*x+2*1+2+3",
        "1=linear(x);2=conv5(1);3=conv7(1+2);y=1+3",
        "1=linear(x);y=2*x+1",
    ]


def test_published_ratios_known_answers() -> None:
    assert [round(published_ratio(point).mean, 3) for point in POINTS] == [0.994, 1.038, 0.952]
    # .0025 of the function and .0025 / sqrt(2) of the two entries of the identity.
    expected = math.hypot(0.0025 / 0.2394, 0.0025 / math.sqrt(2) / 0.2394)
    assert published_ratio(replace(POINTS[0], test_per=0.2394)).std == pytest.approx(expected)


@given(RATES, STDS, RATES, STDS, st.floats(0.1, 10))
def test_a_ratio_does_not_know_the_scale(
    value: float, std: float, base: float, base_std: float, scale: float
) -> None:
    one = Ratio.of(value, std, base, base_std)
    other = Ratio.of(scale * value, scale * std, scale * base, scale * base_std)
    assert (other.mean, other.std) == pytest.approx((one.mean, one.std))


def test_the_uncertainty_of_a_ratio_is_that_of_draws() -> None:
    rng = np.random.default_rng(0)
    draws = rng.normal(0.25, 0.005, 100_000) / rng.normal(0.24, 0.003, 100_000)
    found = Ratio.of(0.25, 0.005, 0.24, 0.003)
    assert found.std == pytest.approx(draws.std(), rel=0.02)
    low, high = found.interval(0.9)
    assert np.mean((low < draws) & (draws < high)) == pytest.approx(0.9, abs=0.005)


def test_the_recovered_share_of_an_effect() -> None:
    published = Ratio(0.95, 0.01)
    whole, fifth, reversed_ = (recovered(published, Ratio(m, 0.0)) for m in (0.95, 0.99, 1.05))
    assert whole is not None and fifth is not None and reversed_ is not None
    assert [whole.mean, fifth.mean, reversed_.mean] == pytest.approx([1.0, 0.2, -1.0])
    assert whole.std == pytest.approx(0.2)
    assert recovered(Ratio(0.99, 0.01), Ratio(0.9, 0.0)) is None, "no effect that is certain"


def with_points(seeds: tuple[int, ...]) -> BenchmarkTable:
    """A made-up table that has the first two of the published functions."""
    table = synthetic_table(6, seeds=seeds, noise=0.0)
    first = table.records[0]
    rows = [
        replace(
            first,
            functional_key=key_of(point),
            cell=point.paper_cell,
            seed=seed,
            test_per=per + 0.01 * (seed - 1.5) * (len(seeds) > 1),
        )
        for point, per in ((IDENTITY, 0.5), (POINTS[0], 0.6))
        for seed in seeds
    ]
    others = [r for r in table.records if r.functional_key not in {key_of(p) for p in ALL}]
    return BenchmarkTable(table.metadata, [*others, *rows])


def test_measured_ratios_are_of_means_over_the_seeds() -> None:
    first, *others = measured_ratios(with_points((1, 2)), "test_per")
    assert first is not None
    assert first.mean == pytest.approx(1.2)
    assert first.std > 0
    assert others == [None, None]


def test_measured_ratios_of_one_seed_have_no_known_uncertainty() -> None:
    first, *_ = measured_ratios(with_points((1,)), "test_per")
    assert first is not None
    assert math.isnan(first.std)
    assert first.text == "1.20"


def test_forecast_ratios_are_of_the_functions_true_values(artifact: Artifact) -> None:
    forecaster = Forecaster(artifact)
    base, *others = (
        forecast.targets[0] for forecast in forecaster.forecast([point.paper_cell for point in ALL])
    )
    for ratio, told in zip(forecast_ratios(forecaster, "val_per"), others, strict=True):
        assert ratio.mean == pytest.approx(told.mean / base.mean)
        parts = math.hypot(told.std_model / told.mean, base.std_model / base.mean)
        assert ratio.std == pytest.approx(ratio.mean * parts)


def printed(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["validity.py", *map(str, arguments)])
    validity.main()


def test_the_script_prints_each_function_of_any_table(
    saved_table: Path,
    saved_artifact: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    printed(monkeypatch, saved_table, "--artifact", saved_artifact)
    out = capsys.readouterr().out
    for point in POINTS:
        assert out.count(f"`{point.paper_cell}`") == 2
    assert "val_per of synthetic: mean validation PER of epochs 3 to 6 of 6" in out
    printed(monkeypatch, saved_table, "--artifact", "none")
    lines = [line for line in capsys.readouterr().out.splitlines() if "(inferred)" in line]
    assert all(line.split(" | ")[3] == "-" for line in lines) and len(lines) == 2


def test_tables_that_read_cells_otherwise_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = synthetic_table(4)
    metadata = replace(table.metadata, semantics="released")
    records = [replace(record, semantics="released") for record in table.records]
    BenchmarkTable(metadata, records).save(tmp_path / "released")
    with pytest.raises(SystemExit, match=r"semantics 'paper'.*but reads them as 'released'"):
        printed(monkeypatch, tmp_path / "released", "--artifact", "none")
