"""An observed part of a curve, as a user gives it."""

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from surrogate.data.targets import FloatArray

MOST_PER = 1.5
"""Largest plausible error rate; larger ones are percents, or come from a broken decoder."""

ObservedCurve = Mapping[int, float] | Sequence[float] | FloatArray
"""Epoch, counted from 1, -> validation PER; or the PERs of the first epochs in order."""


@dataclass(frozen=True, eq=False)
class Observed:
    """The observed part of one curve.

    Attributes:
        epochs: (m,) indices of the observed epochs, counted from 0, rising.
        per: (m,) validation PER there, a fraction.
    """

    epochs: NDArray[np.int64]
    per: FloatArray

    @classmethod
    def read(cls, observed: ObservedCurve, epochs: int) -> "Observed":
        """Check the observations of a user.

        Args:
            observed: a mapping from epoch to error rate, or the rates of epochs 1, 2, ...; may be
                empty.
            epochs: length of the whole curve.

        Raises:
            UserError: if an epoch is not in 1 .. epochs, or a rate not in [0, 1.5].
        """
        pairs = _pairs(observed)
        for epoch, per in pairs:
            if not 1 <= epoch <= epochs:
                raise UserError(
                    f"observed epochs must be in 1 .. {epochs}, the epochs of the table's "
                    f"trainings, but got {epoch}; leave it out, or fit on a table of longer ones"
                )
            if not (math.isfinite(per) and 0 <= per <= MOST_PER):
                raise UserError(
                    f"an observed error rate must be a fraction in [0, {MOST_PER}], but that of "
                    f"epoch {epoch} is {per}; divide percents by 100, and leave out what is missing"
                )
        pairs = sorted(pairs)
        return cls(
            np.array([epoch - 1 for epoch, _ in pairs], dtype=np.int64),
            np.array([per for _, per in pairs], dtype=np.float64),
        )


def _pairs(observed: ObservedCurve) -> list[tuple[int, float]]:
    if isinstance(observed, str | bytes) or not isinstance(
        observed, Mapping | Sequence | np.ndarray
    ):
        raise UserError(
            "an observed curve must be a mapping from epoch to error rate, or the error rates of "
            f"the first epochs, but got {observed!r}"
        )
    if isinstance(observed, Mapping):
        items = list(observed.items())
    else:
        items = list(enumerate(observed, start=1))
    try:
        return [(_epoch(epoch), float(per)) for epoch, per in items]
    except (TypeError, ValueError, OverflowError) as e:
        raise UserError(
            "an observed curve must hold whole epochs and numbers, such as [0.98, 0.91] or "
            f"{{5: 0.72}}, but got {observed!r:.200}"
        ) from e


def _epoch(epoch: object) -> int:
    if isinstance(epoch, bool):
        raise TypeError(f"{epoch} is not an epoch")
    return operator.index(epoch)  # type: ignore[arg-type]
