"""The original's recipe: its parts by themselves, and trainings with them."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from graph_encoding import MACROS, PAPER_MACRO, TIMIT_MICRO_MACRO, Cell, Semantics
from tests.integration.test_training import tone_utterance
from train_benchmark.asr_model import AsrModel
from train_benchmark.batching import PreparedUtterance, batches_of, make_batch
from train_benchmark.corpora.timit import read_timit
from train_benchmark.optimisation import learning_rate
from train_benchmark.prepare import prepare
from train_benchmark.recipe import BucketedBatches, CurriculumStage, Recipe
from train_benchmark.time_convolution import TimeConvolution
from train_benchmark.trainer import PreparedCorpus, _Training, train_cell

CONFIGS = Path(__file__).parents[3] / "configs"
PAPER = Recipe.load(CONFIGS / "train/paper-e40.toml", CONFIGS / "corpus/timit.toml")
CELL = Cell.parse("10_110_1010")


def small(**changes: object) -> Recipe:
    """The paper's training of the small network."""
    update = {"macro": "timit-micro", "epochs": 2, **changes}
    return PAPER.model_copy(update={"train": PAPER.train.model_copy(update=update)})


@pytest.fixture(scope="module")
def corpus() -> PreparedCorpus:
    rng = np.random.default_rng(0)
    utterances = tuple(
        tone_utterance(f"u{i}", tuple(rng.permutation(8)[:5] + 1), rng) for i in range(8)
    )
    return PreparedCorpus("fingerprint", utterances[:4], utterances[4:6], utterances[6:])


def test_recipe_of_the_shipped_table_never_changes() -> None:
    """Records of years would be strangers to each other."""
    recipe = Recipe.load(CONFIGS / "train/timit-micro.toml", CONFIGS / "corpus/timit-sample.toml")
    expected = "f5c90a626cfa65986596360b169729d1d9c898d66f54d212fd215bb8a81a33ab"
    assert recipe.hash == expected


@pytest.mark.parametrize("epochs", [40, 10, 5])
def test_lengths_of_the_published_trainings(epochs: int) -> None:
    recipe = Recipe.load(CONFIGS / f"train/paper-e{epochs}.toml", CONFIGS / "corpus/timit.toml")
    assert recipe.train.epochs == epochs
    assert recipe.train.model_copy(update={"name": "", "epochs": 1}) == PAPER.train.model_copy(
        update={"name": "", "epochs": 1}
    )


def test_kaldi_lists() -> None:
    split = PAPER.corpus.split
    assert split.train == ("*",)
    assert (len(set(split.val)), len(set(split.test))) == (50, 24)
    assert not set(split.val) & set(split.test)


@pytest.mark.parametrize(
    ("epoch", "rate"), [(1, 1e-4), (5, 1e-4), (6, 0.9e-4), (40, 1e-4 * 0.9**35)]
)
def test_rate_falls_from_the_sixth_epoch_on(epoch: int, rate: float) -> None:
    assert learning_rate(PAPER.train.schedule, epoch, 3, 9, 40) == pytest.approx(rate)


def test_buckets_keep_short_and_long_apart() -> None:
    def utterance(i: int) -> PreparedUtterance:
        return PreparedUtterance(str(i), np.zeros((290 + i, 4), np.float32), (1,), (i,))

    utterances = [utterance(i) for i in range(23)]
    config = BucketedBatches(kind="bucketed", boundary_frames=300, short=4, long=3)
    count, batches = batches_of(utterances, config, np.random.default_rng(0))
    found = list(batches)
    assert len(found) == count == 3 + 5
    for batch in found:
        is_long = (batch.frames_B >= 300).tolist()
        assert len(set(is_long)) == 1
        assert len(batch.references) <= (3 if is_long[0] else 4)
    assert sorted(r[0] for batch in found for r in batch.references) == list(range(23))


def test_curriculum_trains_on_short_utterances_first(corpus: PreparedCorpus) -> None:
    long = dataclasses.replace(
        corpus.train[0], features=np.tile(corpus.train[0].features, (3, 1)), key="long"
    )
    mixed = dataclasses.replace(corpus, train=(*corpus.train, long))
    seen: list[list[int]] = []
    stages = (
        CurriculumStage(max_seconds=0.1, passes=2),
        CurriculumStage(max_seconds=1.0, passes=2),
    )
    training = _Training(CELL, 1, small(epochs=1, curriculum=stages), mixed)
    step = training._step
    training._step = lambda batch: seen.append(batch.frames_B.tolist()) or step(batch)  # type: ignore[func-returns-value,method-assign]
    training.run()
    # Nobody is below 0.1 s: those passes are empty. Then two passes of four, then one of all.
    assert [len(frames) for frames in seen] == [4, 4, 5]
    assert len(training.val_per_curve) == 1


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


def test_kernel_penalty_is_the_sum_of_squares_of_kernels() -> None:
    model = AsrModel(
        Cell.parse("00_100_1000"),
        TIMIT_MICRO_MACRO,
        Semantics.PAPER,
        torch.Generator().manual_seed(0),
    )
    expected = sum(
        (p.detach() ** 2).sum().item()
        for name, p in model.named_parameters()
        if name.endswith("weight") and p.dim() == 4 and p.shape[1] > 1
    )
    assert model.kernel_squares().item() == pytest.approx(expected, rel=1e-5)


def test_lstm_dropout_drops_a_channel_of_all_frames() -> None:
    macro = dataclasses.replace(TIMIT_MICRO_MACRO, lstm_units=4)
    generator = torch.Generator().manual_seed(0)
    model = AsrModel(CELL, macro, Semantics.PAPER, generator, lstm_dropout=0.5)
    seen: list[torch.Tensor] = []
    assert model.lstm is not None
    model.lstm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    features, frames = torch.randn(2, 40, 40, generator=generator), torch.tensor([40, 40])
    model.train()
    model(features, frames)
    dropped = (seen[0] == 0).all(dim=1)
    assert dropped.any()
    assert not dropped.all()
    model.eval()
    model(features, frames)
    assert not (seen[1] == 0).all(dim=1).any()


def test_bfloat16_is_near_single_precision(corpus: PreparedCorpus) -> None:
    plain = train_cell(CELL, 1, small(dropout=0.0), corpus)
    half = train_cell(CELL, 1, small(dropout=0.0, precision="bf16"), corpus)
    assert half.status == plain.status == "ok"
    assert half.train_loss_curve != plain.train_loss_curve
    np.testing.assert_allclose(half.train_loss_curve, plain.train_loss_curve, rtol=0.02)


@pytest.mark.slow
def test_compiled_is_the_same_network(corpus: PreparedCorpus) -> None:
    plain = train_cell(CELL, 1, small(dropout=0.0), corpus)
    compiled = train_cell(CELL, 1, small(dropout=0.0, compile=True), corpus)
    np.testing.assert_allclose(compiled.train_loss_curve, plain.train_loss_curve, rtol=1e-3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_is_near_the_cpu(corpus: PreparedCorpus) -> None:
    cpu = train_cell(CELL, 1, small(dropout=0.0, device="cpu"), corpus)
    cuda = train_cell(CELL, 1, small(dropout=0.0, device="auto"), corpus)
    assert "device=cuda" in cuda.software
    np.testing.assert_allclose(cuda.train_loss_curve, cpu.train_loss_curve, rtol=1e-3)


def test_overfits_four_utterances_to_no_errors(corpus: PreparedCorpus) -> None:
    """All of the recipe, with a rate that a test can wait for."""
    tiny = dataclasses.replace(corpus, val=corpus.train, test=corpus.train)
    schedule = PAPER.train.schedule.model_copy(update={"peak": 3e-3, "decay": 1.0})
    recipe = small(epochs=120, schedule=schedule, dropout=0.05, kernel_l2=1e-5)
    record = train_cell(Cell.parse("01_111_1111"), 1234, recipe, tiny)
    assert min(record.val_per_curve) == 0.0
    assert record.test_per == 0.0


@pytest.mark.slow
def test_the_paper_network_trains_on_real_speech(timit_sample: Path) -> None:
    sample = Recipe.load(CONFIGS / "train/paper-e5.toml", CONFIGS / "corpus/timit-sample.toml")
    assert MACROS.get(sample.train.macro) is PAPER_MACRO
    update = {"epochs": 2, "curriculum": (), "schedule": PAPER.train.schedule}
    recipe = sample.model_copy(update={"train": sample.train.model_copy(update=update)})
    prepared = prepare(read_timit(timit_sample), recipe)
    shortest = sorted(prepared.train, key=lambda u: len(u.features))[:4]
    tiny = dataclasses.replace(
        prepared, train=tuple(shortest), val=(shortest[0],), test=(shortest[1],)
    )
    record = train_cell(CELL, 1234, recipe, tiny)
    assert record.status == "ok"
    # Counted: 49 outputs, one bias vector of the LSTM, one linear and two conv5 operations a cell.
    assert record.params == 23_695_248 + 501 + 17_297_200 * 0 + 881_200 * 3
    assert record.train_loss_curve[1] < record.train_loss_curve[0]


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
