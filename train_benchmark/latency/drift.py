"""A robust latency estimate on a machine whose speed changes during the measurement.

A cell and the reference take turns, a few runs at a time, in many rounds spread over the sweep.
The time of a block is that of its fastest run. Dividing it by the reference's time at that moment
removes the machine's speed, and the median over the rounds is the estimate.
docs/explanation/latency.md has the reasons, the alternatives and the figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError

_MEDIAN_ERROR = float(np.sqrt(np.pi / 2))
"""Standard error of a median, in standard errors of the mean, for normal values."""

_QUARTILES_APART = 1.349
"""Standard deviations between the quartiles of normal values."""


class Block(NamedTuple):
    """Consecutive timed runs of one network.

    Attributes:
        at_s: the middle of the block, on a monotonic clock.
        runs_s: (n,) seconds of each run.
    """

    at_s: float
    runs_s: NDArray[np.float64]

    @property
    def centre_s(self) -> float:
        """The fastest run: other load on the machine only ever adds time."""
        return float(self.runs_s.min())


@dataclass(frozen=True, eq=False)
class ReferenceTrack:
    """The reference's latency over time.

    Attributes:
        at_s: (n,) times of its blocks, in rising order.
        seconds: (n,) centres of its blocks, > 0.
    """

    at_s: NDArray[np.float64]
    seconds: NDArray[np.float64]

    def __post_init__(self) -> None:
        if len(self.at_s) != len(self.seconds) or len(self.at_s) == 0:
            raise UserError(
                "a reference track must have at least one time and equally many centres, but got "
                f"{len(self.at_s)} times and {len(self.seconds)} centres"
            )
        if np.any(np.diff(self.at_s) < 0) or np.any(self.seconds <= 0):
            raise UserError("a reference track must have rising times and centres > 0")

    @classmethod
    def of(cls, blocks: Sequence[Block]) -> "ReferenceTrack":
        """The track of the reference's blocks, in the order of measurement."""
        return cls(
            np.array([block.at_s for block in blocks]),
            np.array([block.centre_s for block in blocks]),
        )

    def at(self, at_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Seconds of the reference at some times, log-linear between its blocks.

        Args:
            at_s: (m,) times; before and after the track its first and last values apply.
        """
        return np.exp(np.interp(at_s, self.at_s, np.log(self.seconds)))


class Centre(NamedTuple):
    """A drift-corrected latency.

    Attributes:
        latency_s: the estimate, in seconds at the reference's baseline speed.
        error_s: its standard error, from the variation between rounds.
        drift_factor: median ratio of the reference's time to its baseline.
    """

    latency_s: float
    error_s: float
    drift_factor: float


def corrected_centre(
    blocks: Sequence[Block], track: ReferenceTrack, baseline_s: float, loads: int = 1
) -> Centre:
    """Correct a cell's blocks for the reference's drift and take their centre.

    Args:
        blocks: one per round, at least one.
        track: the reference's blocks of the same period.
        baseline_s: seconds of the reference at the speed to which latencies refer.
        loads: number of loads of the network; the blocks belong to them in turn. One load can be
            faster than another for as long as it lives, so the centre is the mean of the loads'
            medians.
    """
    drift = track.at(np.array([block.at_s for block in blocks])) / baseline_s
    corrected = np.array([block.centre_s for block in blocks]) / drift
    medians = [float(np.median(corrected[load::loads])) for load in range(loads)]
    low, high = np.quantile(corrected, (0.25, 0.75))
    error = _MEDIAN_ERROR * (high - low) / _QUARTILES_APART / np.sqrt(len(corrected))
    if loads > 1:
        error = max(error, np.std(medians, ddof=1) / np.sqrt(loads))
    return Centre(float(np.mean(medians)), float(error), float(np.median(drift)))
