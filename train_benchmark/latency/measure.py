"""Measuring loaded networks in turns with the reference, until the errors are small enough."""

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from train_benchmark.latency.config import MethodConfig
from train_benchmark.latency.drift import Block, Centre, ReferenceTrack, corrected_centre
from train_benchmark.latency.engines.engine import Run
from train_benchmark.record_files.latency_record import QUANTILES

_BURST_BLOCKS = 8
_PAUSE_SECONDS = 0.2
_LEAST_BURSTS = 3


@dataclass(frozen=True)
class Measured:
    """The measurement of one network.

    Attributes:
        centre: its drift-corrected latency.
        quantiles_s: `QUANTILES` of all timed runs.
        repetitions: number of timed runs.
        attempts: number of series of rounds.
        noisy: whether the error stayed above the bound.
    """

    centre: Centre
    quantiles_s: tuple[float, ...]
    repetitions: int
    attempts: int
    noisy: bool


def baseline_seconds(reference: Run, method: MethodConfig) -> float:
    """Seconds of the reference at the machine's best speed, to which latencies refer.

    Bursts of blocks are spread over `method.baseline_seconds`, so that one of them is likely to
    find the machine idle. The result is the smallest median of a burst, so that no single lucky
    run decides.
    """
    bursts: list[float] = []
    with _no_collection():
        deadline = time.perf_counter() + method.baseline_seconds
        while len(bursts) < _LEAST_BURSTS or time.perf_counter() < deadline:
            centres = [_block(reference, method).centre_s for _ in range(_BURST_BLOCKS)]
            bursts.append(float(np.median(centres)))
            time.sleep(min(_PAUSE_SECONDS, method.baseline_seconds))
    return min(bursts)


def measure(
    networks: Sequence[Sequence[Run]],
    reference: Run,
    method: MethodConfig,
    baseline_s: float,
    rng: np.random.Generator,
) -> list[Measured]:
    """Measure networks in turns with the reference, and the noisy ones again.

    Args:
        networks: n networks, each as the list of its loads.
        reference: the loaded reference.
        method: the number of turns, and the largest error.
        baseline_s: see `baseline_seconds`.
        rng: source of the order of the turns, which is drawn anew for each round.

    Returns:
        n results, in the order of the networks.
    """
    blocks: list[list[Block]] = [[] for _ in networks]
    attempts = [0] * len(networks)
    beside: list[Block] = []
    noisy = list(range(len(networks)))
    centres: list[Centre] = []
    with _no_collection():
        for _ in range(method.max_attempts):
            for _ in range(method.rounds):
                for turn, i in enumerate(rng.permutation(noisy)):
                    if turn % method.reference_every == 0:
                        beside.append(_block(reference, method))
                    load = networks[i][len(blocks[i]) % len(networks[i])]
                    blocks[i].append(_block(load, method))
                beside.append(_block(reference, method))
            for i in noisy:
                attempts[i] += 1
            track = ReferenceTrack.of(beside)
            centres = [
                corrected_centre(found, track, baseline_s, len(loads))
                for found, loads in zip(blocks, networks, strict=True)
            ]
            noisy = [i for i, centre in enumerate(centres) if _is_noisy(centre, method)]
            if not noisy:
                break
    return [
        _measured(found, centre, tries, method)
        for found, centre, tries in zip(blocks, centres, attempts, strict=True)
    ]


def _is_noisy(centre: Centre, method: MethodConfig) -> bool:
    return centre.error_s > method.max_relative_error * centre.latency_s


def _measured(blocks: list[Block], centre: Centre, attempts: int, method: MethodConfig) -> Measured:
    runs_s = np.concatenate([block.runs_s for block in blocks])
    quantiles_s = tuple(float(q) for q in np.quantile(runs_s, QUANTILES))
    return Measured(centre, quantiles_s, len(runs_s), attempts, _is_noisy(centre, method))


def _block(run: Run, method: MethodConfig) -> Block:
    for _ in range(method.discarded_runs):
        run()
    clock = time.perf_counter
    runs_s = np.empty(method.runs)
    begun = clock()
    for i in range(method.runs):
        before = clock()
        run()
        runs_s[i] = clock() - before
    return Block((begun + clock()) / 2, runs_s)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python's garbage collector out of the timed runs."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
