"""The frame-wise loss: its value, its schedule, and that it teaches."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from train_benchmark.recipe import FrameLoss
from train_benchmark.training.ctc import ctc_loss, ctc_losses, frame_cross_entropy

SCHEDULE = FrameLoss(weight=2.0, ctc_weight=0.2, hold=0.4, end=0.6)


def log_probs(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1)).log_softmax(dim=-1)


def test_value_by_hand() -> None:
    outputs = log_probs(2, 3, 5)
    labels = torch.tensor([[1, 1, 2, 2, 3, 3], [4, 4, 0, 0, 4, 4]])
    found = frame_cross_entropy(outputs, torch.tensor([3, 2]), labels, stride=2)
    first = -(outputs[0, 0, 1] + outputs[0, 1, 2] + outputs[0, 2, 3]) / 3
    # Its second frame has no label, its third lies behind its end.
    second = -outputs[1, 0, 4]
    assert found.item() == pytest.approx(((first + second) / 2).item(), rel=1e-6)


def test_the_middle_of_a_stride_is_compared() -> None:
    outputs = log_probs(1, 2, 9)
    labels = torch.tensor([[1, 2, 3, 4, 5, 6, 7, 8]])
    found = frame_cross_entropy(outputs, torch.tensor([2]), labels, stride=4)
    assert found.item() == pytest.approx(-(outputs[0, 0, 3] + outputs[0, 1, 7]).item() / 2)


def test_utterances_without_labels_count_for_nothing() -> None:
    outputs = log_probs(2, 3, 5)
    labels = torch.tensor([[1, 2, 3], [0, 0, 0]])
    both = frame_cross_entropy(outputs, torch.tensor([3, 3]), labels, stride=1)
    alone = frame_cross_entropy(outputs[:1], torch.tensor([3]), labels[:1], stride=1)
    assert both.item() == pytest.approx(alone.item())
    none = frame_cross_entropy(outputs, torch.tensor([3, 3]), torch.zeros_like(labels), stride=1)
    assert none.item() == 0.0


@given(st.floats(0, 1))
def test_weights_never_rise_again(position: float) -> None:
    ctc, frames = SCHEDULE.weights(position)
    later_ctc, later_frames = SCHEDULE.weights(min(1.0, position + 0.05))
    assert 0.2 <= ctc <= later_ctc <= 1.0
    assert 0.0 <= later_frames <= frames <= 2.0


def test_known_weights() -> None:
    assert SCHEDULE.weights(0.0) == SCHEDULE.weights(0.399) == (0.2, 2.0)
    assert SCHEDULE.weights(0.5) == pytest.approx((1.0, 1.0))
    assert SCHEDULE.weights(0.6) == SCHEDULE.weights(1.0) == (1.0, 0.0)


def test_losses_of_utterances_are_those_of_the_batch() -> None:
    outputs, lengths = log_probs(2, 8, 6), torch.tensor([8, 5])
    labels, counts = torch.tensor([1, 2, 3, 4, 5]), torch.tensor([3, 2])
    each = ctc_losses(outputs, lengths, labels, counts)
    whole = ctc_loss(outputs, lengths, labels, counts, per="label")
    assert whole.item() == pytest.approx((each / counts).mean().item(), rel=1e-6)
    # The only path of one frame and one label.
    one = ctc_losses(outputs[:1, :1], torch.tensor([1]), torch.tensor([2]), torch.tensor([1]))
    assert one.item() == pytest.approx(-outputs[0, 0, 2].item(), rel=1e-6)
    assert math.isfinite(float(np.asarray(each).sum()))
