"""Training: it learns, it is a pure function of its arguments, and failures are records."""

import dataclasses
import math
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from graph_encoding import Cell, UserError, params
from train_benchmark.corpora.symbols.label_sets import TIMIT_61_48_39
from train_benchmark.features.batching import batch_count, make_batch, pooled_batches
from train_benchmark.features.prepared import PreparedCorpus, PreparedUtterance
from train_benchmark.recipe import ExponentialDecay, Recipe
from train_benchmark.training import processor_kind, trainer
from train_benchmark.training.ctc import BeamDecoder, greedy_decode
from train_benchmark.training.error_rate import corpus_per
from train_benchmark.training.optimisation import FlatParameters, learning_rate
from train_benchmark.training.trainer import software_versions, train_cell

CONFIGS = Path(__file__).parents[2] / "configs"
RECIPE = Recipe.load(CONFIGS / "train/timit-micro.toml", CONFIGS / "corpus/timit-sample.toml")


def with_changes(**changes: object) -> Recipe:
    return RECIPE.model_copy(update={"train": RECIPE.train.model_copy(update=changes)})


def tone_utterance(
    key: str, labels: tuple[int, ...], rng: np.random.Generator
) -> PreparedUtterance:
    """Ten frames a label, each label a band of its own: what a network can learn at once."""
    features = rng.normal(0, 0.1, (12 * len(labels), 40)).astype(np.float32)
    for i, label in enumerate(labels):
        features[12 * i : 12 * (i + 1), (label * 3) % 40] += 4.0
    return PreparedUtterance(key, features, labels, TIMIT_61_48_39.scoring_labels(labels))


@pytest.fixture(scope="module")
def corpus() -> PreparedCorpus:
    rng = np.random.default_rng(0)
    utterances = tuple(
        tone_utterance(f"u{i}", tuple(rng.permutation(8)[:5] + 1), rng) for i in range(12)
    )
    return PreparedCorpus.single("fingerprint", utterances[:8], utterances[8:10], utterances[10:])


def test_overfits_four_utterances_to_no_errors(corpus: PreparedCorpus) -> None:
    four = corpus.train[:4]
    tiny = PreparedCorpus.single("fingerprint", four, four, four)
    recipe = with_changes(epochs=60, dropout=0.0, feature_noise=0.0)
    record = train_cell(Cell.parse("01_111_1111"), 1234, recipe, tiny)
    assert record.status == "ok"
    assert min(record.val_per_curve) == 0.0
    assert record.test_per == 0.0
    assert record.val_per_curve.index(0.0) + 1 == record.best_epoch


def test_a_record_is_a_pure_function_of_its_arguments(corpus: PreparedCorpus) -> None:
    recipe = with_changes(epochs=2)

    def result(text: str, seed: int) -> tuple[object, ...]:
        torch.manual_seed(int.from_bytes(np.random.default_rng().bytes(4), "little"))
        record = train_cell(Cell.parse(text), seed, recipe, corpus)
        return record.val_per_curve, record.train_loss_curve, record.test_per, record.params

    assert result("10_110_1011", 1) == result("10_110_1011", 1)
    assert result("10_110_1011", 1) != result("10_110_1011", 2)
    # Two points of one functional class: parallel branches in the other order.
    assert result("00_510_1010", 1) == result("10_510_0010", 1)


def test_the_best_epochs_own_weights_are_tested(corpus: PreparedCorpus) -> None:
    """The last epochs ruin the network; the test must not see it."""
    val_is_test = PreparedCorpus.single("fingerprint", corpus.train, corpus.test, corpus.test)
    record = train_cell(Cell.parse("01_111_1111"), 1, with_changes(epochs=12), val_is_test)
    assert record.test_per == record.val_per_curve[record.best_epoch - 1]
    assert record.test_per == min(record.val_per_curve)


def test_a_diverged_training_is_a_record_with_its_reason(corpus: PreparedCorpus) -> None:
    broken = dataclasses.replace(
        corpus.train[0], features=np.full_like(corpus.train[0].features, np.nan)
    )
    poisoned = PreparedCorpus.single(
        "fingerprint", (broken, *corpus.train[1:]), corpus.val, corpus.test
    )
    record = train_cell(Cell.parse("10_100_1000"), 1, with_changes(epochs=2), poisoned)
    assert record.status == "diverged"
    assert "the training loss is nan" in record.error
    assert math.isnan(record.test_per)


@pytest.mark.parametrize("instructions", ["default", "avx2"])
def test_software_tells_processors_apart(instructions: str) -> None:
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        pytest.skip("needs a processor that can also be told to do less: one with AVX512")
    program = (
        "from train_benchmark.training.trainer import software_versions as s; "
        "print(s(), s('cuda'), sep='|')"
    )
    environment = {**os.environ, "ATEN_CPU_CAPABILITY": instructions}
    printed = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()
    cpu, cuda = printed.split("|")
    assert cpu == software_versions().replace("cpu=AVX512", f"cpu={instructions.upper()}")
    assert cuda == software_versions("cuda")
    assert all(part.count("=") == 1 for part in cpu.split())


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\nmodel name\t: Xeon\n",
         "GenuineIntel-6-143"),
        ("vendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: EPYC\n",
         "AuthenticAMD-25-17"),
        ("CPU implementer\t: 0x41\nCPU part\t: 0xd0c\nCPU part\t: 0xd05\n", "0x41-0xd0c"),
        ("vendor_id\t: IBM/S390\n", "An-Arch-a"),
        ("", "An-Arch-a"),
    ],
)  # fmt: skip
def test_processors_of_other_kinds_have_other_names(
    lines: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "cpuinfo"
    monkeypatch.setattr(processor_kind, "_CPU_INFO", info)
    monkeypatch.setattr(platform, "processor", lambda: "An Arch=a")
    if lines:
        info.write_text(lines)
    assert processor_kind.processor_kind() == expected
    assert software_versions().endswith(f" processor={expected}")


def test_a_weight_that_overflows_in_an_epochs_last_step_is_seen(corpus: PreparedCorpus) -> None:
    """The loss of that step, taken before it, is finite: only the weights tell."""
    one = PreparedCorpus.single("fingerprint", corpus.train[:1], corpus.val, corpus.test)
    schedule = ExponentialDecay(kind="exponential", peak=1e39, decay=1.0, hold=0)
    recipe = with_changes(epochs=1, schedule=schedule)
    record = train_cell(Cell.parse("10_100_1000"), 1, recipe, one)
    assert (record.status, record.error) == ("diverged", "epoch 1: a weight is no longer finite")
    assert len(record.train_loss_curve) == 1
    assert math.isfinite(record.train_loss_curve[0])
    assert record.val_per_curve == ()


def test_a_network_that_finds_no_memory_is_a_record_with_its_reason(
    corpus: PreparedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(trainer, "AsrModel", no_memory)
    cell = Cell.parse("10_100_1000")
    record = train_cell(cell, 1, RECIPE, corpus)
    assert (record.status, record.error) == ("failed", "OutOfMemoryError: CUDA out of memory")
    assert (record.val_per_curve, record.train_loss_curve, record.best_epoch) == ((), (), 0)
    assert record.params == params(cell, RECIPE.macro, RECIPE.semantics)


def test_batches_use_every_utterance_once_and_know_their_number(corpus: PreparedCorpus) -> None:
    utterances = (*corpus.train, *corpus.val, corpus.test[0])
    for size, pool in ((4, 20), (4, 8), (3, 1), (5, 5), (20, 20)):
        batches = list(pooled_batches(utterances, size, pool, np.random.default_rng(1)))
        assert len(batches) == batch_count(len(utterances), size, pool)
        seen = sorted(reference for batch in batches for reference in batch.references)
        assert seen == sorted(u.reference for u in utterances)


def test_padding_is_zero_and_lengths_are_kept(corpus: PreparedCorpus) -> None:
    long = dataclasses.replace(corpus.train[0], features=np.ones((90, 40), np.float32))
    batch = make_batch([corpus.train[1], long])
    assert batch.features_BTC.shape == (2, 90, 40)
    assert batch.frames_B.tolist() == [60, 90]
    assert batch.features_BTC[0, 60:].abs().max() == 0


@pytest.mark.parametrize("seed", range(5))
def test_beam_search_is_at_least_as_probable_as_the_greedy_path(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    log_probs = torch.randn(3, 12, 6, generator=generator).log_softmax(-1)
    lengths = torch.tensor([12, 9, 7])
    greedy, beam = greedy_decode(log_probs, lengths), BeamDecoder()(log_probs, lengths)
    for row, length, a, b in zip(log_probs, lengths, greedy, beam, strict=True):
        scores = [
            -torch.nn.functional.ctc_loss(
                row[:length, None],
                torch.tensor([labels], dtype=torch.int64),
                length[None],
                torch.tensor([len(labels)]),
                reduction="sum",
            ).item()
            for labels in (a, b)
        ]
        assert scores[1] >= scores[0] - 1e-5


def test_beam_and_greedy_agree_where_there_is_no_doubt() -> None:
    path = torch.tensor([[1, 1, 0, 1, 2, 2, 0, 3]])
    log_probs = torch.nn.functional.one_hot(path, 5).float().mul(30).log_softmax(-1)
    assert greedy_decode(log_probs, torch.tensor([8])) == [[1, 1, 2, 3]]
    assert BeamDecoder()(log_probs, torch.tensor([8])) == [[1, 1, 2, 3]]


def test_corpus_per_sums_before_it_divides() -> None:
    assert corpus_per([[1], [1, 2, 3, 4]], [[2], [1, 2, 3, 4]]) == pytest.approx(1 / 5)
    assert corpus_per([[1, 2, 3]], [[4]]) == 3.0
    with pytest.raises(UserError, match="one hypothesis for each reference"):
        corpus_per([[1]], [])
    with pytest.raises(UserError, match="have no phone"):
        corpus_per([[]], [[]])


def test_one_cycle_rises_to_its_peak_and_falls_to_zero() -> None:
    rates = [
        learning_rate(RECIPE.train.schedule, epoch, step, 20, 20)
        for epoch in range(1, 21)
        for step in range(20)
    ]
    peak = rates.index(max(rates))
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert max(rates) == pytest.approx(6e-3, rel=1e-3)
    assert peak == pytest.approx(0.75 * 400, abs=1)
    assert rates[-1] == pytest.approx(0.0, abs=1e-9)


def test_flat_parameters_are_the_modules_own() -> None:
    module = torch.nn.Linear(3, 2)
    flat = FlatParameters(module)
    module(torch.ones(1, 3)).sum().backward()
    assert flat.flat.grad is not None
    assert flat.flat.grad.abs().sum() == pytest.approx(8.0)
    flat.clip_grad_norm(1.0)
    assert flat.flat.grad.norm() == pytest.approx(1.0)
    flat.assign(torch.zeros(8))
    assert module.weight.abs().sum() == 0
    flat.zero_grad()
    assert module.bias.grad is not None
    assert module.bias.grad.abs().sum() == 0
