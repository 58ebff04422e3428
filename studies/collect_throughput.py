"""Trainings a core-hour of each engine, and what the whole space with three seeds costs.

    python studies/collect_throughput.py --corpus PATH/TO/timit

Engines take turns on the same trainings. A rate counts from an engine's first record to its last,
so that starting workers, paid once a campaign, is not in it; it is printed beside. With a CUDA
device, a few cells are trained on that as well, one after another.
"""

import argparse
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding.engines.engine import Engine
from graph_encoding.engines.local import LocalEngine
from graph_encoding.engines.ray_cluster import RayEngine
from train_benchmark.collecting.plan import Campaign, Job
from train_benchmark.collecting.trainings import train_all
from train_benchmark.corpora.layouts.timit import read_timit
from train_benchmark.features.prepare import load_prepared, prepare, save_prepared
from train_benchmark.features.prepared import PreparedCorpus
from train_benchmark.recipe import Recipe
from train_benchmark.training.trainer import train_cell

CAMPAIGN = Path(__file__).parents[1] / "configs/campaign/timit-micro.toml"
FUNCTIONS = 8911
SEEDS = 3
CORES = (2, 64, 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--trainings", type=int, default=24, help="for each engine")
    options = parser.parse_args()
    campaign = Campaign.load(CAMPAIGN)
    jobs, recipe = campaign.jobs[: options.trainings], campaign.recipe
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "features.npz"
        save_prepared(prepare(read_timit(options.corpus), recipe), file)
        corpus = load_prepared(file)
    rates = {}
    for name, workers, engine in (
        ("local, 1 worker", 1, LocalEngine(1)),
        ("local, 2 workers", 2, LocalEngine(2)),
        ("ray, 2 workers", 2, RayEngine("local", 2)),
    ):
        first_s, rate = _measure(engine, jobs, recipe, corpus)
        rates[name] = rate / workers
        print(
            f"{name}: first record after {first_s:.0f} s, then {rate:.0f} trainings an hour, "
            f"{rate / workers:.0f} a core-hour",
            flush=True,
        )
    _print_costs(rates["local, 2 workers"])
    _print_gpu(jobs[:4], recipe, corpus)


def _measure(
    engine: Engine, jobs: tuple[Job, ...], recipe: Recipe, corpus: PreparedCorpus
) -> tuple[float, float]:
    """Seconds to the first record, and records an hour from there to the last."""
    started = time.perf_counter()
    running = train_all(engine, jobs, recipe, corpus)
    with closing(running):
        times = [time.perf_counter() - started for _ in running]
    return times[0], (len(times) - 1) / (times[-1] - times[0]) * 3600


def _print_costs(per_core_hour: float) -> None:
    core_hours = FUNCTIONS * SEEDS / per_core_hour
    print(f"{FUNCTIONS} functions x {SEEDS} seeds: {core_hours:.0f} core-hours")
    for cores in CORES:
        print(f"{cores} cores: {core_hours / cores:.1f} h")


def _print_gpu(jobs: tuple[Job, ...], recipe: Recipe, corpus: PreparedCorpus) -> None:
    if not torch.cuda.is_available():
        print("one GPU: not measured, there is no CUDA device")
        return
    train_cell(jobs[0].cell, jobs[0].seed, recipe, corpus, device=torch.device("cuda"))
    started = time.perf_counter()
    for job in jobs:
        train_cell(job.cell, job.seed, recipe, corpus, device=torch.device("cuda"))
    rate = len(jobs) / (time.perf_counter() - started) * 3600
    print(
        f"one GPU, one training at a time: {rate:.0f} trainings an hour, "
        f"{FUNCTIONS * SEEDS / rate:.1f} h in all"
    )


if __name__ == "__main__":
    main()
