"""Training in bfloat16, with and without an LSTM, and training of compiled networks."""

import os

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from graph_encoding import Semantics
from tests.unit.train_benchmark.training.test_paper_recipe import (
    CELL,
    MICRO,
    NARROW,
    corpus,
    without_chance,
)
from train_benchmark.features.prepared import PreparedCorpus
from train_benchmark.network.asr_model import AsrModel
from train_benchmark.network.bfloat16 import computes_bfloat16_lstm
from train_benchmark.training import trainer
from train_benchmark.training.trainer import software_versions, train_cell

__all__ = ["corpus"]


def test_bfloat16_is_near_single_precision(corpus: PreparedCorpus) -> None:
    plain = train_cell(CELL, 1, without_chance(), corpus)
    half = train_cell(CELL, 1, without_chance(precision="bf16"), corpus)
    assert half.status == plain.status == "ok"
    assert half.train_loss_curve != plain.train_loss_curve
    np.testing.assert_allclose(half.train_loss_curve, plain.train_loss_curve, rtol=0.02)


def test_a_processor_without_bfloat16_lstm_computes_it_in_single_precision(
    corpus: PreparedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Convolutions stay in bfloat16: they have kernels for every processor."""
    plain = train_cell(CELL, 1, without_chance(), corpus)
    monkeypatch.setattr(trainer, "computes_bfloat16_lstm", lambda _: False)
    half = train_cell(CELL, 1, without_chance(precision="bf16"), corpus)
    assert half.status == "ok"
    assert half.train_loss_curve != plain.train_loss_curve
    np.testing.assert_allclose(half.train_loss_curve, plain.train_loss_curve, rtol=0.02)
    assert half.software == f"{plain.software} lstm=fp32"


def test_only_a_recipe_in_bfloat16_with_an_lstm_needs_it(
    corpus: PreparedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def must_not_be_called(_: str) -> bool:
        raise AssertionError

    monkeypatch.setattr(trainer, "computes_bfloat16_lstm", must_not_be_called)
    assert train_cell(CELL, 1, without_chance(), corpus).status == "ok"
    micro = MICRO.model_copy(
        update={"train": MICRO.train.model_copy(update={"epochs": 1, "precision": "bf16"})}
    )
    record = train_cell(CELL, 1, micro, corpus)
    assert (record.status, record.software) == ("ok", software_versions())


def test_the_check_for_a_bfloat16_lstm_agrees_with_torch() -> None:
    lstm = torch.nn.LSTM(5, 3, batch_first=True)
    state = torch.random.get_rng_state()
    expected = computes_bfloat16_lstm("cpu")
    assert torch.equal(torch.random.get_rng_state(), state)
    with torch.autocast("cpu", torch.bfloat16):
        if expected:
            assert lstm(torch.zeros(2, 4, 5))[0].dtype == torch.bfloat16
        else:
            with pytest.raises(RuntimeError):
                lstm(torch.zeros(2, 4, 5))


def test_an_lstm_in_single_precision_ignores_autocast() -> None:
    model = AsrModel(CELL, NARROW, Semantics.PAPER, torch.Generator().manual_seed(3))
    model.use_library_convolutions()
    model.plain_lstm = True
    assert model.lstm is not None
    seen: list[torch.Tensor] = []
    model.lstm.register_forward_hook(lambda _, inputs, outputs: seen.extend([*inputs, outputs[0]]))
    with torch.autocast("cpu", torch.bfloat16):
        log_probs_BTV, _ = model(torch.randn(2, 20, 40), torch.tensor([20, 17]))
    assert [value.dtype for value in seen] == [torch.float32, torch.float32]
    assert log_probs_BTV.dtype == torch.float32
    log_probs_BTV.sum().backward()
    assert model.lstm.weight_hh_l0.grad.dtype == torch.float32


@pytest.mark.slow
@pytest.mark.skipif(
    "ATEN_CPU_CAPABILITY" in os.environ,
    reason="torch compiles wrong code where ATEN_CPU_CAPABILITY hides a part of the processor",
)
def test_compiled_is_the_same_network(corpus: PreparedCorpus) -> None:
    plain = train_cell(CELL, 1, without_chance(), corpus)
    compiled = train_cell(CELL, 1, without_chance(compile=True), corpus)
    assert compiled.status == "ok"
    np.testing.assert_allclose(compiled.train_loss_curve, plain.train_loss_curve, rtol=1e-3)
