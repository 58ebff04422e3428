"""Lengths: CTC needs a frame per label, and one more between equal neighbours."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding import UserError
from train_benchmark.features.lengths import check_lengths, required_frames
from train_benchmark.features.prepared import PreparedUtterance
from train_benchmark.recipe import Recipe

CONFIGS = Path(__file__).parents[4] / "configs"
RECIPE = Recipe.load(CONFIGS / "train/timit-micro.toml", CONFIGS / "corpus/timit-sample.toml")
LABELS = st.lists(st.integers(1, 3), max_size=8)


def utterance(frames: int, labels: tuple[int, ...]) -> PreparedUtterance:
    return PreparedUtterance("fabc0/sx1", np.zeros((frames, 40), np.float32), labels, labels)


def test_an_utterance_too_short_for_its_labels_is_refused() -> None:
    stride = RECIPE.macro.total_stride
    long_enough = utterance(3 * stride, (1, 1))
    check_lengths([long_enough], RECIPE)
    with pytest.raises(UserError, match=r"fabc0/sx1 is too short.* 2 output frames.* need 3"):
        check_lengths([long_enough, utterance(2 * stride, (1, 1))], RECIPE)


def test_an_utterance_without_labels_is_refused() -> None:
    with pytest.raises(UserError, match="no phone to recognise"):
        check_lengths([utterance(8, ())], RECIPE)


def test_repeats_need_a_frame_between_them() -> None:
    assert required_frames([1, 1, 1, 2]) == 6


@given(LABELS)
def test_required_frames_are_those_of_the_shortest_path_with_blanks(labels: list[int]) -> None:
    """A path that merges to the labels: the labels with a blank (0) between equal neighbours."""
    path: list[int] = []
    for label in labels:
        path += [0, label] if path and path[-1] == label else [label]
    merged = [label for label, _ in itertools.groupby(path) if label]
    assert merged == labels
    assert required_frames(labels) == len(path)
