"""Portable arithmetic: the same bits whatever kernels the processor would get by itself."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from graph_encoding import Cell, UserError
from graph_encoding.engines.local import LocalEngine
from tests.integration.test_training import RECIPE, tone_utterance
from train_benchmark.collecting.plan import Job
from train_benchmark.collecting.trainings import train_all
from train_benchmark.features.prepared import PreparedCorpus
from train_benchmark.recipe import Recipe
from train_benchmark.record import TrainingRecord
from train_benchmark.training.trainer import train_cell

CHANGES = {"epochs": 2, "arithmetic": "portable"}
PORTABLE = RECIPE.model_copy(update={"train": RECIPE.train.model_copy(update=CHANGES)})
JOB = Job(Cell.parse("01_111_2111"), 7)

needs_avx2 = pytest.mark.skipif(
    "AVX" not in torch.backends.cpu.get_cpu_capability(),
    reason="portable arithmetic is for x86-64 processors with AVX2",
)


@pytest.fixture(scope="module")
def corpus() -> PreparedCorpus:
    rng = np.random.default_rng(0)
    utterances = [
        tone_utterance(f"u{i}", tuple(rng.permutation(8)[:5] + 1), rng) for i in range(12)
    ]
    return PreparedCorpus.single("fingerprint", utterances[:8], utterances[8:10], utterances[10:])


def trained(recipe: Recipe, corpus: PreparedCorpus) -> TrainingRecord:
    (record,) = train_all(LocalEngine(1), [JOB], recipe, corpus)
    return record


@needs_avx2
def test_a_worker_computes_portably_whatever_its_parent_does(corpus: PreparedCorpus) -> None:
    before = dict(os.environ)
    one, other = trained(PORTABLE, corpus), trained(PORTABLE, corpus)
    assert dict(os.environ) == before
    assert one.status == "ok", one.error
    assert one.software.endswith(" arithmetic=portable")
    assert "processor" not in one.software
    assert one.train_loss_curve == other.train_loss_curve
    assert (
        one.recipe_hash
        != RECIPE.model_copy(update={"train": RECIPE.train.model_copy(update={"epochs": 2})}).hash
    )


@needs_avx2
@pytest.mark.parametrize("limit", ["AVX2", "AVX512_E1", "AVX512_E4"])
@pytest.mark.slow
def test_bits_do_not_depend_on_what_the_matrix_library_may_use(
    limit: str, corpus: PreparedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MKL_ENABLE_INSTRUCTIONS makes MKL take a processor for an older one.

    Its value "AVX512" is left out: it overrides MKL_CBWR, which no processor by itself does.
    """
    expected = trained(PORTABLE, corpus)
    monkeypatch.setenv("MKL_ENABLE_INSTRUCTIONS", limit)
    found = trained(PORTABLE, corpus)
    assert found.train_loss_curve == expected.train_loss_curve
    assert found.val_per_curve == expected.val_per_curve


def test_a_process_that_was_not_started_for_it_refuses(corpus: PreparedCorpus) -> None:
    with pytest.raises(UserError, match=r"portable arithmetic.*MKL_CBWR=AVX2,STRICT"):
        train_cell(JOB.cell, JOB.seed, PORTABLE, corpus)


def test_the_variables_are_set_without_loading_torch() -> None:
    """They must be set before torch is there, so this module cannot import it."""
    code = "import sys, train_benchmark.training.arithmetic; sys.exit('torch' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
