"""Targets: the transform, its inverse and the one flip of sign."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding.common.errors import UserError
from surrogate.data.targets import TARGETS, VAL_PER, Logit, Target
from train_benchmark.table.benchmark_table import LABELS

PERS = st.floats(0.01, 0.99)


def test_logit_known_values() -> None:
    z = Logit().to_model(np.array([0.5, 0.75]))
    np.testing.assert_allclose(z, [0.0, np.log(3)])


def test_collapsed_labels_become_one_finite_value() -> None:
    z = Logit(clip=0.01).to_model(np.array([0.99, 1.0, 1.7]))
    np.testing.assert_allclose(z, np.log(99))


def test_infinite_bounds_map_to_the_ends_of_the_range() -> None:
    assert Logit().to_raw(np.array([-np.inf, np.inf])).tolist() == [0.0, 1.0]


@given(PERS)
def test_round_trip(per: float) -> None:
    np.testing.assert_allclose(Logit().to_raw(Logit().to_model(np.array([per]))), [per])


@given(PERS, PERS)
def test_transform_keeps_the_order(a: float, b: float) -> None:
    low, high = Logit().to_model(np.array(sorted((a, b))))
    assert low <= high


@given(st.floats(-5, 5))
def test_slope_is_the_derivative(z: float) -> None:
    h = 1e-5
    up, down = Logit().to_raw(np.array([z + h, z - h]))
    np.testing.assert_allclose(
        Logit().raw_slope(np.array([z]))[0], (up - down) / (2 * h), rtol=1e-5
    )


@pytest.mark.parametrize("clip", [0.0, 0.5, -1.0])
def test_bad_clip_is_refused(clip: float) -> None:
    with pytest.raises(UserError, match=r"\(0, 0.5\)"):
        Logit(clip)


def test_cost_flips_only_what_is_maximised() -> None:
    gain = Target("gain", "val_per", "dB", "maximise", Logit())
    assert gain.to_cost(np.array([1.0])).tolist() == [-1.0]
    assert VAL_PER.to_cost(np.array([1.0])).tolist() == [1.0]


def test_unknown_direction_is_refused() -> None:
    with pytest.raises(UserError, match="minimise"):
        Target("x", "val_per", "", "down", Logit())  # type: ignore[arg-type]


@pytest.mark.parametrize("name", list(TARGETS))
def test_every_target_has_a_label_of_the_table(name: str) -> None:
    assert TARGETS.get(name).label in LABELS


@given(st.floats(0, 1), st.floats(-6, 6), st.floats(0, 4))
def test_intervals_hold_the_labels_that_they_held(per: float, centre: float, half: float) -> None:
    low, high = np.array([centre - half]), np.array([centre + half])
    scale = VAL_PER.transform
    label = scale.to_model(np.array([per]))
    raw_low, raw_high = scale.interval_to_raw(low, high)
    assert raw_low <= raw_high
    if (low <= label).all() and (label <= high).all():
        assert raw_low[0] - 1e-12 <= per <= raw_high[0] + 1e-12
    elif 0.01 < per < 0.99:
        assert not raw_low[0] < per < raw_high[0]
