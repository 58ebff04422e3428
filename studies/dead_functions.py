"""Functions that ignore their input, trained: what they reach is a constant answer's rate.

    python studies/dead_functions.py configs/campaign/timit-micro.toml --corpus timit

All dead functions of the space are trained with the campaign's recipe. Beside them: the validation
PER of who answers every utterance with nothing, or with the same one or two phones.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import Cell, CellSpace, functional_form
from train_benchmark.collecting.plan import Campaign
from train_benchmark.corpora.layouts.timit import read_timit
from train_benchmark.corpora.symbols.phones import PHONES_39
from train_benchmark.features.prepare import prepare
from train_benchmark.features.prepared import PreparedCorpus
from train_benchmark.training.error_rate import corpus_per
from train_benchmark.training.process_setup import set_up_training_process
from train_benchmark.training.trainer import train_cell


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("campaign", type=Path)
    parser.add_argument("--corpus", type=Path, required=True)
    options = parser.parse_args()
    set_up_training_process()
    recipe = Campaign.load(options.campaign).recipe
    corpus = prepare(read_timit(options.corpus), recipe)
    print_constants(corpus)
    dead: dict[str, Cell] = {}
    for cell in CellSpace():
        form = functional_form(cell, recipe.semantics)
        if form.is_dead:
            dead.setdefault(form.key, cell)
    print(f"{len(dead)} dead functions:")
    for key, cell in sorted(dead.items()):
        record = train_cell(cell, 1234, recipe, corpus)
        curve = " ".join(f"{per:.4f}" for per in record.val_per_curve)
        print(f"{key}\n    val_per by epoch: {curve}", flush=True)


def print_constants(corpus: PreparedCorpus) -> None:
    """Rates of constant answers: nothing, and the best of one and of two phones."""
    references = [utterance.reference for utterance in corpus.val]
    numbers = range(1, 1 + len(PHONES_39))
    answers = [(), *((a,) for a in numbers), *((a, b) for a in numbers for b in numbers)]
    rate = {answer: corpus_per([answer] * len(references), references) for answer in answers}
    print("constant answers, the two best of each length:")
    for length in range(3):
        best = sorted((a for a in answers if len(a) == length), key=lambda a: rate[a])[:2]
        for answer in best:
            spelt = " ".join(PHONES_39[number - 1] for number in answer) or "nothing"
            print(f"    {spelt}: {rate[answer]:.4f}")


if __name__ == "__main__":
    main()
