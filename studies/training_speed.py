"""Utterances a second of training, matrix products against plain `nn.Conv1d`, in one run.

Both train the same cells on the same batches of varying lengths with the same recipe, the plain
network with torch's usual loop: parameters of their own, `AdamW`, `clip_grad_norm_`. The two
take turns, so that a machine that changes speed changes both.

    python studies/training_speed.py --corpus PATH/TO/timit
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import CellSpace, Semantics
from studies.plain_model import PlainAsrModel
from train_benchmark.corpora.layouts.timit import read_timit
from train_benchmark.features.batching import Batch, pooled_batches
from train_benchmark.features.prepare import prepare
from train_benchmark.network.asr_model import AsrModel
from train_benchmark.recipe import Recipe
from train_benchmark.training.ctc import ctc_loss
from train_benchmark.training.process_setup import set_up_training_process
from train_benchmark.training.trainer import FlatParameters

CONFIGS = Path(__file__).parents[1] / "configs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--cells", type=int, default=8)
    parser.add_argument("--passes", type=int, default=3)
    options = parser.parse_args()
    set_up_training_process()
    recipe = Recipe.load(CONFIGS / "train/timit-micro.toml", CONFIGS / "corpus/timit-sample.toml")
    corpus = prepare(read_timit(options.corpus), recipe)
    cells = CellSpace().sample_keys(options.cells, Semantics.PAPER, np.random.default_rng(1234))
    ratios, rates = [], {"fast": [], "plain": []}
    for cell in cells.values():
        fast = AsrModel(cell, recipe.macro, Semantics.PAPER, torch.Generator().manual_seed(0))
        plain = PlainAsrModel(cell, recipe.macro, Semantics.PAPER)
        plain.copy_from(fast)
        steps = {"fast": _fast_step(fast), "plain": _plain_step(plain)}
        rng = np.random.default_rng(0)
        plan = recipe.train.batches
        passes = [
            list(pooled_batches(corpus.train, plan.size, plan.pool, rng))
            for _ in range(options.passes)
        ]
        for batches in passes:
            seconds = {}
            for name, step in steps.items():
                started = time.perf_counter()
                for batch in batches:
                    step(batch)
                seconds[name] = time.perf_counter() - started
                rates[name].append(len(corpus.train) / seconds[name])
            ratios.append(seconds["plain"] / seconds["fast"])
    for name, values in rates.items():
        print(f"{name}: median {statistics.median(values):.0f} utterances/s")
    print(
        f"ratio: median {statistics.median(ratios):.2f}, quartiles "
        f"{np.quantile(ratios, 0.25):.2f} .. {np.quantile(ratios, 0.75):.2f}, n = {len(ratios)}"
    )


def _loss(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    log_probs_BTV, lengths_B = model(batch.features_BTC, batch.frames_B)
    return ctc_loss(log_probs_BTV, lengths_B, batch.labels, batch.label_lengths_B, per="label")


def _fast_step(model: AsrModel):  # noqa: ANN202 -- a closure
    weights = FlatParameters(model)
    optimiser = torch.optim.AdamW([weights.flat], lr=1e-3, weight_decay=1e-3, fused=True)

    def step(batch: Batch) -> None:
        weights.zero_grad()
        _loss(model, batch).backward()
        weights.clip_grad_norm(5.0)
        optimiser.step()

    return step


def _plain_step(model: PlainAsrModel):  # noqa: ANN202 -- a closure
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-3)

    def step(batch: Batch) -> None:
        optimiser.zero_grad()
        _loss(model, batch).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()

    return step


if __name__ == "__main__":
    main()
