"""The sound centre of a timing on a machine whose speed changes while it is measured.

A cell and the reference take turns, a few runs at a time, in many rounds spread over the sweep.
A block's time is that of its least disturbed run; dividing it by the reference's at that moment
takes the machine's speed out; the median over the rounds is the centre. Why so, and what else was
tried, stands with figures in docs/latency.md.
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
    """Runs of one network timed in a row.

    Attributes:
        at_s: the middle of the block, on any one monotonic clock.
        runs_s: (n,) seconds of each run.
    """

    at_s: float
    runs_s: NDArray[np.float64]

    @property
    def centre_s(self) -> float:
        """The least disturbed run: what else the machine did only ever adds time."""
        return float(self.runs_s.min())


@dataclass(frozen=True, eq=False)
class ReferenceTrack:
    """The reference's speed over time.

    Attributes:
        at_s: (n,) rising times of its blocks.
        seconds: (n,) centres of its blocks, > 0.
    """

    at_s: NDArray[np.float64]
    seconds: NDArray[np.float64]

    def __post_init__(self) -> None:
        if len(self.at_s) != len(self.seconds) or len(self.at_s) == 0:
            raise UserError(
                "a reference track must have one or more times and as many centres, but got "
                f"{len(self.at_s)} and {len(self.seconds)}"
            )
        if np.any(np.diff(self.at_s) < 0) or np.any(self.seconds <= 0):
            raise UserError("a reference track must have rising times and centres > 0")

    @classmethod
    def of(cls, blocks: Sequence[Block]) -> "ReferenceTrack":
        """The track of the reference's blocks, in the order they were taken."""
        return cls(
            np.array([block.at_s for block in blocks]),
            np.array([block.centre_s for block in blocks]),
        )

    def at(self, at_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Seconds of the reference at some times, log-linear between its blocks.

        Args:
            at_s: (m,) times; outside the track its ends hold.
        """
        return np.exp(np.interp(at_s, self.at_s, np.log(self.seconds)))


class Centre(NamedTuple):
    """A drift-corrected latency.

    Attributes:
        latency_s: the centre, in seconds at the reference's baseline speed.
        error_s: its standard error, from the spread between rounds.
        drift_factor: median of how much slower than its baseline the reference was.
    """

    latency_s: float
    error_s: float
    drift_factor: float


def corrected_centre(
    blocks: Sequence[Block], track: ReferenceTrack, baseline_s: float, loads: int = 1
) -> Centre:
    """Divide the reference's drift out of a cell's blocks and take their centre.

    Args:
        blocks: one for each round, >= 1.
        track: the reference beside them.
        baseline_s: seconds of the reference at the speed that latencies are stated for.
        loads: loads of the network that the blocks belong to in turn. A load can stay faster or
            slower than another as long as it lives: the centre is the mean of their medians.
    """
    drift = track.at(np.array([block.at_s for block in blocks])) / baseline_s
    corrected = np.array([block.centre_s for block in blocks]) / drift
    medians = [float(np.median(corrected[load::loads])) for load in range(loads)]
    low, high = np.quantile(corrected, (0.25, 0.75))
    error = _MEDIAN_ERROR * (high - low) / _QUARTILES_APART / np.sqrt(len(corrected))
    if loads > 1:
        error = max(error, np.std(medians, ddof=1) / np.sqrt(loads))
    return Centre(float(np.mean(medians)), float(error), float(np.median(drift)))
