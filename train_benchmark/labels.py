"""Labels of a training: summaries of its learning curve, each with its window of epochs.

`val_per` is the mean validation PER of the last 60 % of the epochs, rounded up to whole epochs: 12
of 20, 24 of 40, 4 of 6, 2 of 3. The window is long because, over timit-micro's functions, a mean of
epochs 9 to 20 has 1.3 times the signal-to-seed-noise ratio of epochs 16 to 20; slightly different
windows are about as good (docs/explanation/recipe.md). It is a share of the epochs because a
network leaves the plateau of blank output in the first epochs, which are a share of the schedule in
every recipe.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from train_benchmark.record import TrainingRecord

LABELS = ("val_per", "val_per_last5", "val_per_best", "val_per_last", "test_per")
"""Labels of a table. All are phone error rates: fractions, lower is better."""

_LAST5 = 5


@dataclass(frozen=True)
class EpochWindow:
    """Consecutive epochs that a label averages.

    Attributes:
        first: first epoch, counted from 1.
        last: last epoch, >= first.

    Raises:
        UserError: if `first` or `last` is out of range.
    """

    first: int
    last: int

    def __post_init__(self) -> None:
        if not 1 <= self.first <= self.last:
            raise UserError(
                "a window of epochs must have 1 <= first <= last, but has "
                f"first={self.first} and last={self.last}"
            )

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"epochs {self.first} to {self.last}" if len(self) > 1 else f"epoch {self.last}"

    @property
    def places(self) -> slice:
        """The window as indices of a curve, from 0."""
        return slice(self.first - 1, self.last)


def last_epochs(count: int, epochs: int) -> EpochWindow:
    """The last `count` epochs; all if there are fewer.

    Args:
        count: length of the window, >= 1.
        epochs: length of the training, >= 1.
    """
    return EpochWindow(max(epochs - count, 0) + 1, epochs)


def label_window(label: str, epochs: int) -> EpochWindow | None:
    """The epochs whose validation PER a label averages.

    Args:
        label: one of `LABELS`.
        epochs: length of the training, >= 1.

    Returns:
        The window; None for a label that is not a mean over fixed epochs.

    Raises:
        UserError: for another label.

    >>> [str(label_window("val_per", epochs)) for epochs in (20, 6, 3)]
    ['epochs 9 to 20', 'epochs 3 to 6', 'epochs 2 to 3']
    """
    check_label(label)
    # 60 %, rounded up in integers, because .6 is not a binary fraction.
    counts = {"val_per": -(-3 * epochs // 5), "val_per_last5": _LAST5, "val_per_last": 1}
    return last_epochs(counts[label], epochs) if label in counts else None


def definition_of(label: str, epochs: int | None = None) -> str:
    """Definition of a label in words.

    Args:
        label: one of `LABELS`.
        epochs: length of the trainings; None if they differ.

    Raises:
        UserError: for another label.

    >>> definition_of("val_per", 20)
    'mean validation PER of epochs 9 to 20 of 20'
    """
    check_label(label)
    if label == "test_per":
        return "test PER with the weights of the epoch of the lowest validation PER"
    if label == "val_per_best":
        return "lowest validation PER of all epochs"
    if label == "val_per_last":
        return "validation PER of the last epoch"
    if epochs is not None:
        return f"mean validation PER of {label_window(label, epochs)} of {epochs}"
    which = "last 60 % of the" if label == "val_per" else f"last {_LAST5}"
    return f"mean validation PER of the {which} epochs"


def labels_of_curves(curves: NDArray[np.float64], label: str) -> NDArray[np.float64]:
    """Compute a label from each of some learning curves of one length.

    Args:
        curves: (..., epochs) validation PER after each epoch.
        label: one of `LABELS` except `test_per`, which is not on a curve.

    Returns:
        (...) the labels.
    """
    if label == "val_per_best":
        found = curves.min(axis=-1)
    else:
        window = label_window(label, curves.shape[-1])
        assert window is not None
        found = curves[..., window.places].mean(axis=-1)
    return np.asarray(found)


def label_of(record: TrainingRecord, label: str) -> float:
    """One label of a training; a phone error rate, lower is better.

    Args:
        record: a record of status "ok".
        label: one of `LABELS`; see `definition_of`.

    Raises:
        UserError: for another label.
    """
    check_label(label)
    if label == "test_per":
        return record.test_per
    return float(labels_of_curves(np.array(record.val_per_curve), label))


def check_label(label: str) -> None:
    """Check that a label is one of `LABELS`.

    Raises:
        UserError: if it is not.
    """
    if label not in LABELS:
        raise UserError(f"a label must be one of {', '.join(LABELS)}, but got {label!r}")
