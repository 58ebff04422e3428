"""Forecasts of the functions of a fit, each made without the function's own label."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from surrogate.data.prediction import Prediction


@dataclass(frozen=True, eq=False)
class HeldOutForecasts:
    """Held-out forecasts by functional key; float32, since seeds differ in the second digit.

    Attributes:
        hashes: (n,) the first 64 bits of the sha256 of each functional key, rising.
        mean: (n,) means, on the model scale.
        std: (n,) standard deviations of the predictor, not calibrated.

    Raises:
        UserError: if the shapes differ, or the hashes are not rising.
    """

    hashes: NDArray[np.uint64]
    mean: NDArray[np.float32]
    std: NDArray[np.float32]

    def __post_init__(self) -> None:
        if not self.hashes.shape == self.mean.shape == self.std.shape == (len(self.hashes),):
            raise UserError(
                "held-out forecasts must have one shape (n,), but have "
                f"{self.hashes.shape}, {self.mean.shape} and {self.std.shape}"
            )
        if (self.hashes[1:] <= self.hashes[:-1]).any():
            raise UserError("hashes of held-out forecasts must be rising; sort them first")

    @classmethod
    def of(cls, keys: Sequence[str], held_out: Prediction) -> Self:
        """The forecasts of n distinct keys."""
        hashes = _hashes(keys)
        order = np.argsort(hashes)
        mean, std = held_out.mean.astype(np.float32), held_out.std.astype(np.float32)
        return cls(hashes[order], mean[order], std[order])

    def instead_of(self, keys: Sequence[str], predictions: Prediction) -> Prediction:
        """Predictions of n functions, but the held-out ones of functions of the fit."""
        hashes = _hashes(keys)
        place = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        known = self.hashes[place] == hashes
        return Prediction(
            np.where(known, self.mean[place], predictions.mean),
            np.where(known, self.std[place], predictions.std),
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `from_arrays` reads."""
        return {"hashes": self.hashes, "mean": self.mean, "std": self.std}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `arrays`."""
        return cls(arrays["hashes"], arrays["mean"], arrays["std"])


def _hashes(keys: Sequence[str]) -> NDArray[np.uint64]:
    found = [int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) for key in keys]
    return np.array(found, dtype=np.uint64)
