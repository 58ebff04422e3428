"""The mean of weights against steps computed by hand."""

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from torch import nn

from train_benchmark.training.optimisation import FlatParameters, WeightAverage


@pytest.fixture
def weights() -> FlatParameters:
    """One weight, at 1."""
    module = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        module.weight.fill_(1.0)
    return FlatParameters(module)


def step(weights: FlatParameters, average: WeightAverage, value: float) -> float:
    """The mean after a step to `value`."""
    weights.assign(torch.tensor([value]))
    average.update()
    return average.values.item()


def test_three_steps_by_hand(weights: FlatParameters) -> None:
    """The warm-up keeps 2/11, 3/12 and 4/13 of the mean before."""
    average = WeightAverage(weights, 0.999)
    first = (2 * 1 + 9 * 2) / 11
    second = (3 * first + 9 * 4) / 12
    third = (4 * second + 9 * 8) / 13
    assert [step(weights, average, value) for value in (2.0, 4.0, 8.0)] == pytest.approx(
        [first, second, third]
    )


def test_the_share_kept_is_never_above_the_decay(weights: FlatParameters) -> None:
    average = WeightAverage(weights, 0.25)
    first = (2 * 1 + 9 * 2) / 11
    second = 0.25 * first + 0.75 * 4
    third = 0.25 * second + 0.75 * 8
    assert [step(weights, average, value) for value in (2.0, 4.0, 8.0)] == pytest.approx(
        [first, second, third]
    )


def test_zero_decay_disables_averaging(weights: FlatParameters) -> None:
    average = WeightAverage(weights, 0.0)
    assert [step(weights, average, value) for value in (2.0, -3.0)] == [2.0, -3.0]


@pytest.mark.parametrize("fails", [False, True])
def test_in_place_gives_the_trained_weights_back(weights: FlatParameters, *, fails: bool) -> None:
    average = WeightAverage(weights, 0.999)
    mean = step(weights, average, 8.0)
    try:
        with average.in_place():
            assert weights.flat.item() == mean != 8.0
            if fails:
                raise ArithmeticError
    except ArithmeticError:
        pass
    assert weights.flat.item() == 8.0
    assert average.values.item() == mean
