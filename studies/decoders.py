"""Greedy decoding and the beam of 12 on one training: validation PER after each epoch.

    python studies/decoders.py configs/campaign/timit-micro.toml --corpus timit

The cell is trained twice with the campaign's recipe, once with each decoder. A decoder changes no
weight, so that both curves are of the same networks.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import Cell
from train_benchmark.collecting.plan import Campaign
from train_benchmark.corpora.layouts.timit import read_timit
from train_benchmark.features.prepare import prepare
from train_benchmark.training.process_setup import set_up_training_process
from train_benchmark.training.trainer import train_cell


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("campaign", type=Path)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--cell", default="10_110_1010")
    parser.add_argument("--seed", type=int, default=1234)
    options = parser.parse_args()
    set_up_training_process()
    recipe = Campaign.load(options.campaign).recipe
    corpus = prepare(read_timit(options.corpus), recipe)
    for decoder in ("greedy", "beam12"):
        train = recipe.train.model_copy(update={"decoder": decoder})
        decoding = recipe.model_copy(update={"train": train})
        record = train_cell(Cell.parse(options.cell), options.seed, decoding, corpus)
        curve = " ".join(f"{per:.4f}" for per in record.val_per_curve)
        print(f"{decoder:6} test PER {record.test_per:.4f}, epoch {record.best_epoch}: {curve}")


if __name__ == "__main__":
    main()
