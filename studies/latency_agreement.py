"""Two sweeps of the same cells at different times, the second beside a busy core: do they agree?

The second is stated for the first one's baseline. Before correction means the plain median of all
timed runs; after, the latency that a record says.

    python studies/latency_agreement.py --config configs/latency/timit-micro-cpu.toml --cells 60
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parents[1]))

from train_benchmark.collecting.cell_choice import SampledCells, choose_cells
from train_benchmark.latency.config import Sweep
from train_benchmark.latency.sweep import run_sweep
from train_benchmark.record_files.latency_record import QUANTILES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--cells", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--core", type=int, default=0, help="core to measure on")
    parser.add_argument("--busy-core", type=int, default=1)
    parser.add_argument("--wait", type=float, default=30.0, help="seconds between the sweeps")
    options = parser.parse_args()
    sweep = Sweep.load(options.config)
    sampled = SampledCells(kind="sample", count=options.cells, seed=options.seed)
    cells = choose_cells(sampled, sweep.semantics, Path())
    sweep = replace(sweep, settings=sweep.settings[:1], cells=tuple(cells))
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "first", Path(folder) / "second"
        print(f"{sweep.settings[0].name}, {len(cells)} cells")
        a = _timed("first sweep", sweep, first, options.core, None)
        time.sleep(options.wait)
        with _busy(options.busy_core):
            b = _timed(f"second, core {options.busy_core} busy", sweep, second, options.core, first)
    middle = QUANTILES.index(0.5)
    _compare(
        "before correction",
        [r.quantiles_s[middle] for r in a],
        [r.quantiles_s[middle] for r in b],
    )
    _compare("after correction", [r.latency_s for r in a], [r.latency_s for r in b])


def _timed(name, sweep, out, core, baselines_of):  # noqa: ANN001, ANN202 -- a script's own
    begun = time.monotonic()
    records = list(run_sweep(sweep, out, cores=[core], baselines_of=baselines_of).values())
    seconds = time.monotonic() - begun
    drift = np.array([record.drift_factor for record in records])
    errors = np.array([record.latency_error_s / record.latency_s for record in records])
    spread = np.quantile([record.latency_s for record in records], [0, 0.5, 1]) * 1e3
    print(
        f"{name}: {seconds:.0f} s, {1e3 * seconds / len(records):.0f} ms a cell; latencies "
        f"{spread[0]:.3f} .. {spread[1]:.3f} .. {spread[2]:.3f} ms; drift factor "
        f"{drift.min():.3f} .. {np.median(drift):.3f} .. {drift.max():.3f}; "
        f"median error {100 * np.median(errors):.2f} %; attempts "
        f"{np.mean([record.attempts for record in records]):.2f}; "
        f"noisy {sum(record.noisy for record in records)}",
        flush=True,
    )
    return records


def _compare(name: str, a: list[float], b: list[float]) -> None:
    difference = np.abs(np.array(b) / np.array(a) - 1)
    print(
        f"{name}: Spearman {spearmanr(a, b).statistic:.4f}, absolute difference "
        f"median {100 * np.median(difference):.2f} %, 95 % below "
        f"{100 * np.quantile(difference, 0.95):.2f} %"
    )


@contextmanager
def _busy(core: int):  # noqa: ANN202 -- a script's own
    program = f"import os; os.sched_setaffinity(0, [{core}])\nwhile True: pass"
    process = subprocess.Popen([sys.executable, "-c", program])  # noqa: S603 -- a program of ours
    try:
        yield
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
