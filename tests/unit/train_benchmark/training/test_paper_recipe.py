"""The original's recipe: its parts by themselves, and trainings with them."""

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from graph_encoding import (
    PAPER_MACRO,
    TIMIT_MICRO_MACRO,
    Cell,
    Macro,
    Semantics,
    UserError,
    params,
)
from tests.integration.test_training import tone_utterance
from train_benchmark.corpora.layouts.timit import read_timit
from train_benchmark.corpora.symbols.label_sets import TIMIT_61_48_39
from train_benchmark.features.batching import Batch, make_batch
from train_benchmark.features.prepare import prepare
from train_benchmark.features.prepared import PreparedCorpus
from train_benchmark.network.asr_model import AsrModel
from train_benchmark.network.time_convolution import TimeConvolution
from train_benchmark.recipe import (
    BucketedBatches,
    CurriculumStage,
    OptimiserConfig,
    Recipe,
)
from train_benchmark.record import TrainingRecord
from train_benchmark.table.benchmark_table import BenchmarkTable
from train_benchmark.table.verify import verify_retrained
from train_benchmark.training.ctc import ctc_loss, greedy_decode
from train_benchmark.training.optimisation import learning_rate
from train_benchmark.training.process_setup import set_up_training_process
from train_benchmark.training.scoring import score_batches
from train_benchmark.training.trainer import (
    Device,
    _Outcome,
    _Training,
    train_cell,
    training_device,
)

CONFIGS = Path(__file__).parents[4] / "configs"
PAPER = Recipe.load(CONFIGS / "train/paper-e40.toml", CONFIGS / "corpus/timit.toml")
MICRO = Recipe.load(CONFIGS / "train/timit-micro.toml", CONFIGS / "corpus/timit-sample.toml")
CELL = Cell.parse("10_110_1010")
NARROW = Macro(
    name="narrow-paper",
    mel_bins=40,
    filters=(32, 32, 40, 48),
    strides=(1, 1, 2, 2),
    cells_per_block=(1, 1, 1, 2),
    groups=(4, 4, 5, 6),
    lstm_units=32,
)
"""All kinds of layers that the published network has."""


RAISED = {"peak": 5e-4, "decay": 1.0}


class NarrowRecipe(Recipe):
    """A recipe of a network that no configuration names."""

    @property
    def macro(self) -> Macro:
        return NARROW


def small(**changes: object) -> Recipe:
    """The paper's training of a small network of its own kind."""
    train = PAPER.train.model_copy(update={"epochs": 2, **changes})
    return NarrowRecipe(train=train, corpus=PAPER.corpus)


@pytest.fixture(scope="module")
def corpus() -> PreparedCorpus:
    rng = np.random.default_rng(0)
    utterances = tuple(
        tone_utterance(f"u{i}", tuple(rng.permutation(8)[:5] + 1), rng) for i in range(8)
    )
    return PreparedCorpus.single("fingerprint", utterances[:4], utterances[4:6], utterances[6:])


def test_recipe_of_the_shipped_table_never_changes() -> None:
    """Another hash would make its records strangers to each other."""
    expected = "f5c90a626cfa65986596360b169729d1d9c898d66f54d212fd215bb8a81a33ab"
    assert MICRO.hash == expected


@pytest.fixture
def _training_process() -> Iterator[None]:
    """As in a worker. Other tests draw denormal numbers, which it flushes to zero."""
    threads = torch.get_num_threads()
    set_up_training_process()
    yield
    torch.set_flush_denormal(False)
    torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.usefixtures("_training_process")
def test_a_record_of_the_shipped_table_comes_out_again(timit_sample: Path) -> None:
    """Within the noise between seeds: its bits depend on the processor that made it."""
    table = BenchmarkTable.load("timit-micro")
    prepared = prepare(read_timit(timit_sample), MICRO)
    made: list[TrainingRecord] = []

    def train(cell: Cell, seed: int) -> TrainingRecord:
        made.append(train_cell(cell, seed, MICRO, prepared, device="cpu"))
        return made[-1]

    (check,) = verify_retrained(table, train, 1, np.random.default_rng(0))
    assert check.ok, check.detail
    (again,) = made
    (stored,) = [r for r in table.measured if (r.cell, r.seed) == (again.cell, again.seed)]
    measured_here = ("val_per_curve", "train_loss_curve", "best_epoch", "test_per")
    other = {name: getattr(stored, name) for name in (*measured_here, "train_seconds", "software")}
    assert dataclasses.replace(again, **other) == stored
    # Rounding grows from epoch to epoch; the first ones show whether the recipe is the same.
    np.testing.assert_allclose(again.train_loss_curve[:3], stored.train_loss_curve[:3], rtol=0.01)


@pytest.mark.parametrize("epochs", [40, 10, 5])
def test_lengths_of_the_published_trainings(epochs: int) -> None:
    recipe = Recipe.load(CONFIGS / f"train/paper-e{epochs}.toml", CONFIGS / "corpus/timit.toml")
    assert recipe.train.epochs == epochs
    differing = {
        name
        for name, value in recipe.train.model_dump().items()
        if value != PAPER.train.model_dump()[name]
    }
    assert differing <= {"name", "epochs"}


def test_numbers_of_the_published_training() -> None:
    train = PAPER.train
    assert train.optimiser == OptimiserConfig(eps=1e-7, weight_decay=0.0)
    assert train.batches == BucketedBatches(kind="bucketed", boundary_frames=300, short=64, long=48)
    assert [(s.max_seconds, s.passes) for s in train.curriculum] == [(1.0, 2), (2.0, 2)]
    assert (train.loss_per, train.clip_norm, train.kernel_l2) == ("frame", 5.0, 0.01)
    assert (train.dropout, train.lstm_dropout, train.feature_noise) == (0.2, 0.2, 0.0)
    assert (train.decoder, train.initialisation, train.weight_average) == ("beam12", "glorot", 0.0)
    assert PAPER.macro is PAPER_MACRO


@pytest.mark.parametrize(
    ("epoch", "rate"), [(1, 1e-4), (5, 1e-4), (6, 0.9e-4), (40, 1e-4 * 0.9**35)]
)
def test_rate_falls_from_the_sixth_epoch_on(epoch: int, rate: float) -> None:
    assert learning_rate(PAPER.train.schedule, epoch, 3, 9, 40) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("stages", "warm_up"),
    # All short utterances are between 0.3 and 1 s; a pass over them is one step.
    [([], 0), ([(0.3, 5)], 0), ([(0.3, 2), (1.0, 2)], 2), ([(1.0, 4)], 4)],
)
def test_curriculum_takes_the_first_steps(
    stages: list[tuple[float, int]], warm_up: int, corpus: PreparedCorpus
) -> None:
    long = [
        dataclasses.replace(u, features=np.tile(u.features, (3, 1)), key=f"{u.key}-{i}")
        for u in corpus.train
        for i in range(2)
    ]
    mixed = PreparedCorpus.single("f", (*corpus.train, *long), corpus.val, corpus.test)
    recipe = small(
        epochs=3,
        curriculum=tuple(CurriculumStage(max_seconds=s, passes=n) for s, n in stages),
        batches=BucketedBatches(kind="bucketed", boundary_frames=100, short=4, long=4),
        decoder="greedy",
    )
    outcome = _Outcome()
    training = _Training(CELL, 1, recipe, mixed, torch.device("cpu"), outcome)
    is_short: list[bool] = []
    rates: list[float] = []

    def step(batch: Batch, position: float) -> float:
        del position
        is_short.append(bool(batch.frames_B.max() < 100))
        rates.append(training._optimiser.param_groups[0]["lr"])
        return 1.0

    training._step = step  # type: ignore[method-assign]
    training.run()
    # Three steps an epoch, whatever the curriculum; afterwards one step of three is short.
    assert len(is_short) == 9
    assert len(outcome.val_per_curve) == 3
    assert all(is_short[:warm_up])
    for start in range(warm_up, 7, 3):
        assert sum(is_short[start : start + 3]) == 1
    assert rates == [1e-4] * 9


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "groups"), [(8, 2, 1, 1), (5, 1, 2, 4), (1, 1, 1, 1)]
)
def test_library_convolution_is_the_same_function(
    kernel: int, stride: int, dilation: int, groups: int
) -> None:
    generator = torch.Generator().manual_seed(0)
    module = TimeConvolution(
        8,
        12,
        kernel=kernel,
        stride=stride,
        dilation=dilation,
        groups=groups,
        padding=TIMIT_MICRO_MACRO.padding(kernel, dilation, stride),
        generator=generator,
    )
    x = torch.randn(3, 21, 8, generator=generator, requires_grad=True)
    mask = torch.ones(3, -(-21 // stride), 1)
    mask[1, 5:] = 0
    answers = []
    for library in (False, True):
        module.library = library
        module.zero_grad()
        y = module(x, mask)
        gradient = torch.autograd.grad((y**2).sum(), [x, module.weight, module.bias])
        answers.append([y, *gradient])
    for a, b in zip(*answers, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_glorot_begins_as_tensorflow_does() -> None:
    model = AsrModel(
        CELL, TIMIT_MICRO_MACRO, Semantics.PAPER, torch.Generator().manual_seed(0), glorot=True
    )
    assert not model.classifier.bias.any()
    bound = (6 / (96 + 49)) ** 0.5
    assert model.classifier.weight.detach().abs().max().item() <= bound
    assert model.classifier.weight.detach().std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
    # Grouped: 5 frames of 8 inputs, 5 frames of all 64 outputs.
    grouped = [m for m in model.modules() if isinstance(m, TimeConvolution)][1]
    assert grouped.weight.shape == (8, 5, 8, 8)
    assert not grouped.bias.any()
    bound = (6 / (5 * 8 + 5 * 64)) ** 0.5
    assert 0.99 * bound < grouped.weight.detach().abs().max().item() <= bound


def test_kernel_penalty_is_the_sum_of_squares_of_kernels() -> None:
    """A linear operation and two conv5 a cell: dense layers are not penalised."""
    model = AsrModel(Cell.parse("00_100_1000"), NARROW, Semantics.PAPER, torch.Generator())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.5)
    reductions = 8 * (40 * 32 + 32 * 32 + 32 * 40 + 40 * 48)
    cells = 2 * 5 * 8 * (32 + 32 + 40 + 2 * 48)
    assert model.kernel_squares().item() == pytest.approx(0.25 * (reductions + cells))


def test_penalty_moves_weights_and_stays_out_of_the_loss_curve(corpus: PreparedCorpus) -> None:
    free, penalised = (
        train_cell(CELL, 1, small(kernel_l2=weight, curriculum=()), corpus).train_loss_curve
        for weight in (0.0, 10.0)
    )
    assert free[0] == penalised[0]
    assert free[1] != penalised[1]


def test_loss_is_the_mean_over_utterances_of_loss_by_output_frames_and_one() -> None:
    """Of two equal outputs, 1 of 2 paths gives the label in one frame, 3 of 4 in two frames."""
    loss = ctc_loss(
        torch.full((2, 2, 2), 0.5).log(),
        torch.tensor([1, 2]),
        torch.tensor([1, 1]),
        torch.tensor([1, 1]),
        per="frame",
    )
    assert loss.item() == pytest.approx((math.log(2) / 2 + math.log(4 / 3) / 3) / 2)


def test_lstm_dropout_drops_inputs_of_each_frame_in_training_only() -> None:
    generator = torch.Generator().manual_seed(0)
    model = AsrModel(CELL, NARROW, Semantics.PAPER, generator, lstm_dropout=0.5)
    seen: list[torch.Tensor] = []
    assert model.lstm is not None
    model.lstm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    features, frames = torch.randn(2, 40, 40, generator=generator), torch.tensor([40, 40])
    model.train()
    with torch.random.fork_rng():
        torch.manual_seed(0)  # a frame of ten values keeps or loses all of them now and then
        model(features, frames)
    share = (seen[0] == 0).float().mean(dim=1)
    assert (share > 0).all()
    assert (share < 1).all()
    assert share.mean().item() == pytest.approx(0.5, abs=0.1)
    model.eval()
    model(features, frames)
    assert (seen[1] == 0).float().mean().item() < 0.01


def test_scoring_in_parts_equals_scoring_at_once(corpus: PreparedCorpus) -> None:
    model = AsrModel(CELL, NARROW, Semantics.PAPER, torch.Generator().manual_seed(3))
    utterances = (*corpus.train, *corpus.val)
    parts = [make_batch([u]) for u in utterances]
    at_once = score_batches(
        model, [make_batch(utterances)], greedy_decode, TIMIT_61_48_39, losses=True
    )
    in_parts = score_batches(model, parts, greedy_decode, TIMIT_61_48_39, losses=True)
    assert in_parts.edits == at_once.edits
    assert in_parts.ctc_loss == pytest.approx(at_once.ctc_loss, rel=1e-4)


def without_chance(**changes: object) -> Recipe:
    """A short training of which only arithmetic can change the numbers."""
    return small(dropout=0.0, lstm_dropout=0.0, curriculum=(), epochs=3, **changes)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_cuda_is_near_the_cpu(precision: str, corpus: PreparedCorpus) -> None:
    cpu = train_cell(CELL, 1, without_chance(), corpus, device="cpu")
    cuda = train_cell(CELL, 1, without_chance(precision=precision), corpus, device="cuda")
    assert cuda.status == "ok"
    assert "device=cuda" in cuda.software
    # Convolutions on recent GPUs compute in TF32, with ten bits after the point.
    tolerance = 0.005 if precision == "fp32" else 0.02
    np.testing.assert_allclose(cuda.train_loss_curve, cpu.train_loss_curve, rtol=tolerance)


@pytest.mark.parametrize(
    ("present", "device", "recipe", "expected"),
    [
        (True, "auto", PAPER, "cuda"),
        (True, "auto", MICRO, "cpu"),
        (True, "cuda", MICRO, "cuda"),
        (True, "cpu", PAPER, "cpu"),
        (False, "auto", PAPER, "cpu"),
    ],
)
def test_wide_networks_go_to_a_gpu_where_there_is_one(
    present: bool,
    device: Device,
    recipe: Recipe,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: present)
    assert training_device(device, recipe).type == expected


def test_a_missing_gpu_is_an_error(corpus: PreparedCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"'cuda' must be one that torch can use.*'auto'"):
        train_cell(CELL, 1, small(), corpus, device="cuda")


def test_overfits_four_utterances_to_no_errors(corpus: PreparedCorpus) -> None:
    """All of the recipe, with a rate that a test can wait for."""
    tiny = PreparedCorpus.single("fingerprint", corpus.train, corpus.train, corpus.train)
    schedule = PAPER.train.schedule.model_copy(update={"peak": 5e-3, "decay": 1.0})
    recipe = small(epochs=120, schedule=schedule)
    record = train_cell(Cell.parse("10_111_1111"), 1234, recipe, tiny)
    assert min(record.val_per_curve) == 0.0
    assert record.test_per == 0.0


@pytest.mark.slow
def test_the_paper_network_overfits_four_real_utterances(timit_sample: Path) -> None:
    """The published network and recipe; only the rate is five times higher and does not fall."""
    train = PAPER.train.model_copy(
        update={"epochs": 25, "schedule": PAPER.train.schedule.model_copy(update=RAISED)}
    )
    recipe = Recipe(train=train, corpus=MICRO.corpus)
    assert recipe.macro is PAPER_MACRO
    prepared = prepare(read_timit(timit_sample), recipe)
    four = tuple(sorted(prepared.train, key=lambda u: len(u.features))[:4])
    tiny = PreparedCorpus.single("fingerprint", four, four, four)
    cell = Cell.parse("10_111_1111")
    record = train_cell(cell, 1234, recipe, tiny)
    assert record.status == "ok"
    # The published count, and what an output more and three conv5 operations a cell add.
    assert record.params == params(cell, PAPER_MACRO) == 23_695_248 + 501 + 3 * 881_200
    assert record.test_per == min(record.val_per_curve) == 0.0


def test_padding_does_not_change_an_utterance_with_library_convolutions(
    corpus: PreparedCorpus,
) -> None:
    model = AsrModel(CELL, TIMIT_MICRO_MACRO, Semantics.PAPER, torch.Generator().manual_seed(0))
    model.use_library_convolutions()
    long = dataclasses.replace(corpus.train[0], features=np.ones((90, 40), np.float32))
    alone, padded = make_batch([corpus.train[1]]), make_batch([corpus.train[1], long])
    a, lengths = model(alone.features_BTC, alone.frames_B)
    b, _ = model(padded.features_BTC, padded.frames_B)
    torch.testing.assert_close(a[0], b[0, : lengths[0]], rtol=1e-4, atol=1e-5)
