"""The measured networks compute the same outputs as `AsrModel`."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

onnx = pytest.importorskip("onnx", reason="needs the extra nasasr[latency]")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra nasasr[latency]")

from graph_encoding import OPERATIONS, PAPER_MACRO, TIMIT_MICRO_MACRO, Cell, Macro, Semantics
from graph_encoding.common.errors import UserError
from graph_encoding.ops import Operation
from train_benchmark.latency.engines.engine import OnnxEngine, Subject
from train_benchmark.latency.engines.onnx_export import INPUT_NAME, write_onnx
from train_benchmark.latency.engines.ort_errors import EngineError
from train_benchmark.latency.engines.plain_network import PlainNetwork
from train_benchmark.latency.engines.quantise import UnsupportedError, quantise
from train_benchmark.latency.engines.weights import DrawnWeights, GivenWeights
from train_benchmark.latency.setting import LatencySetting
from train_benchmark.network.asr_model import AsrModel

CELLS = [
    "10_100_1000",
    "01_111_2111",
    "41_310_2011",
    "51_500_5000",  # dead under PAPER
    "51_511_5111",
    "50_300_4101",  # a convolution that nothing feeds under PAPER
    "conv3:0_conv9:10_conv5d3:111",
    "gated_linear:1_max_pool3:11_avg_pool3:111",
    "conv5g2:1_conv7g2:01_conv11:000",
]
TOLERANCE = 1e-4


def narrow(macro: Macro) -> Macro:
    """The paper's network with its LSTM and strides, small enough for a test."""
    return replace(
        macro,
        filters=(24, 32, 40, 48),
        groups=(4, 4, 4, 4),
        cells_per_block=(2, 1, 1, 2),
        lstm_units=20,
    )


def run_onnx(path: Path, features: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {INPUT_NAME: features.numpy()})
    return np.asarray(output)


def worst_differences(
    text: str, macro: Macro, semantics: Semantics, frames: int, batch: int
) -> tuple[float, float]:
    """The largest differences of ONNX and of the plain network from `AsrModel`, same weights."""
    cell = Cell.parse(text)
    generator = torch.Generator().manual_seed(0)
    trained = AsrModel(cell, macro, semantics, generator).eval()
    weights = GivenWeights({k: v.numpy() for k, v in trained.state_dict().items()})
    features = torch.randn(batch, frames, macro.mel_bins, generator=generator)
    with torch.no_grad():
        expected, _ = trained(features, torch.full((batch,), frames))
        plain = PlainNetwork(cell, macro, semantics, weights)(features)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_onnx(path, cell, macro, semantics, weights, batch=batch, frames=frames)
        found = run_onnx(path, features)
    assert found.shape == tuple(expected.shape)
    return float(np.abs(found - expected.numpy()).max()), float((plain - expected).abs().max())


@pytest.mark.parametrize("semantics", Semantics)
@pytest.mark.parametrize("text", CELLS)
def test_onnx_and_plain_torch_agree_with_the_trained_model(text: str, semantics: Semantics) -> None:
    if semantics is Semantics.RELEASED and "conv5d3" in text:
        text = text.replace("conv5d3", "conv5d2")
    differences = worst_differences(text, TIMIT_MICRO_MACRO, semantics, frames=37, batch=2)
    assert max(differences) < TOLERANCE


@pytest.mark.parametrize("text", CELLS[:2])
def test_strides_and_lstm_of_the_paper_agree(text: str) -> None:
    macro = narrow(PAPER_MACRO)
    assert max(worst_differences(text, macro, Semantics.PAPER, frames=50, batch=3)) < TOLERANCE


def test_the_paper_network_agrees() -> None:
    differences = worst_differences("50_110_2000", PAPER_MACRO, Semantics.PAPER, 12, 1)
    assert max(differences) < TOLERANCE


def test_a_dilated_mean_agrees() -> None:
    operation = Operation("avg_pool3d2_of_test", "avg_pool", kernel=3, dilation=2)
    OPERATIONS.register(operation.name, operation)
    try:
        text = f"{operation.name}:1_100_1000"
        differences = worst_differences(text, TIMIT_MICRO_MACRO, Semantics.PAPER, 21, 1)
    finally:
        del OPERATIONS._entries[operation.name]
    assert max(differences) < TOLERANCE


def test_the_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    other = AsrModel(
        Cell.parse("00_000_0000"), TIMIT_MICRO_MACRO, Semantics.PAPER, torch.Generator()
    )
    weights = GivenWeights({k: v.numpy() for k, v in other.state_dict().items()})
    with pytest.raises(UserError, match=r"terms\.0\.weight"):
        write_onnx(
            tmp_path / "model.onnx",
            Cell.parse("10_100_1000"),
            TIMIT_MICRO_MACRO,
            Semantics.PAPER,
            weights,
            batch=1,
            frames=20,
        )


def write_model(text: str, macro: Macro, path: Path) -> np.ndarray:
    cell = Cell.parse(text)
    write_onnx(path, cell, macro, Semantics.PAPER, DrawnWeights(0), batch=1, frames=40)
    rng = np.random.default_rng(0)
    return rng.standard_normal((1, 40, macro.mel_bins), dtype=np.float32)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("macro", [TIMIT_MICRO_MACRO, narrow(PAPER_MACRO)], ids=["micro", "lstm"])
def test_int8_is_smaller_and_close(macro: Macro, tmp_path: Path) -> None:
    path, out = tmp_path / "fp32.onnx", tmp_path / "int8.onnx"
    features = torch.from_numpy(write_model("01_111_2111", macro, path))
    quantise(path, out, features.numpy())
    assert out.stat().st_size < 0.6 * path.stat().st_size
    exact, rounded = (run_onnx(p, features).ravel() for p in (path, out))
    assert np.abs(exact - rounded).max() > 1e-4  # the two models differ
    assert np.corrcoef(exact, rounded)[0, 1] > 0.97


def added_in_16_bits(activations: np.ndarray, weights: np.ndarray) -> int:
    """A dot product as processors without VNNI compute it: `vpmaddubsw`, then 32-bit sums."""
    products = activations.astype(np.int64) * weights.astype(np.int64)
    pairs = products[0::2] + products[1::2]
    return int(np.clip(pairs, np.iinfo(np.int16).min, np.iinfo(np.int16).max).sum())


def int8_weights(path: Path) -> dict[str, np.ndarray]:
    values = {v.name: onnx.numpy_helper.to_array(v) for v in onnx.load(path).graph.initializer}
    return {name: w for name, w in values.items() if w.dtype == np.int8 and w.size > 1}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("macro", [TIMIT_MICRO_MACRO, narrow(PAPER_MACRO)], ids=["micro", "lstm"])
@pytest.mark.parametrize("text", ["01_111_2111", "gated_linear:1_max_pool3:11_conv7:111"])
def test_no_int8_weight_saturates_on_any_processor(text: str, macro: Macro, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    features = write_model(text, macro, path)
    products = sum(
        node.op_type in ("Conv", "MatMul") for node in onnx.load(path).graph.node
    ) + 2 * (macro.lstm_units > 0)
    quantise(path, path, features)
    weights = int8_weights(path)
    assert sum(w.ndim > 1 for w in weights.values()) == products
    for values in weights.values():
        pairs = values.ravel()[: values.size // 2 * 2]
        for value in (0, 128, 255):
            activations = np.full(pairs.size, value, np.uint8)
            exact = int(activations.astype(np.int64) @ pairs.astype(np.int64))
            assert added_in_16_bits(activations, pairs) == exact
        assert max(abs(int(values.min())), abs(int(values.max()))) == 64


@given(
    pairs=st.lists(
        st.tuples(st.integers(0, 255), st.integers(-64, 64)), min_size=2, max_size=40
    ).filter(lambda pairs: len(pairs) % 2 == 0)
)
def test_two_products_of_seven_bit_weights_fit_into_16_bits(pairs: list[tuple[int, int]]) -> None:
    activations, weights = (np.array(column) for column in zip(*pairs, strict=True))
    assert added_in_16_bits(activations, weights) == activations @ weights


def test_two_products_of_eight_bit_weights_may_not_fit() -> None:
    """The reason for weights of seven bits."""
    activations, weights = np.array([255, 255]), np.array([127, 127])
    assert added_in_16_bits(activations, weights) == 32_767 < activations @ weights == 64_770


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_network_that_int8_cannot_run_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "fp32.onnx"
    features = write_model("avg_pool3:1_100_1000", TIMIT_MICRO_MACRO, path)
    with pytest.raises(UnsupportedError, match="QLinearAveragePool"):
        quantise(path, tmp_path / "int8.onnx", features)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_model_that_onnxruntime_refuses_is_an_error_with_its_reason(tmp_path: Path) -> None:
    """Otherwise its exceptions would pass all `except` clauses and end the measuring process."""
    setting = LatencySetting.parse("timit-micro/cpu-onnx-fp32-t1-b1-1s")
    engine = OnnxEngine(setting, Semantics.PAPER)
    subject = Subject(Cell.parse("10_100_1000"), tmp_path / "model.onnx")
    engine.prepare(subject)
    unknown = onnx.load(subject.path)
    unknown.graph.node[3].op_type = "NoSuchOperator"
    # The shapes in the file are valid, but the computed ones do not fit each other.
    narrow_input = onnx.load(subject.path)
    narrow_input.graph.input[0].type.tensor_type.shape.dim[1].dim_value -= 1
    for model, reason in ((unknown, "NoSuchOperator"), (narrow_input, "Expected: 97")):
        onnx.save(model, subject.path)
        with pytest.raises(EngineError, match=f"onnxruntime cannot run cell 10_100.*{reason}"):
            engine.load(subject)
        with pytest.raises(EngineError, match=f"onnxruntime cannot quantise this .*{reason}"):
            quantise(subject.path, tmp_path / "int8.onnx", engine.features_BTC)
    subject.path.write_bytes(b"no model")
    with pytest.raises(EngineError, match="onnxruntime cannot run cell 10_100_1000"):
        engine.load(subject)


def test_a_product_left_in_float_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from onnxruntime import quantization

    def leave_convolutions(*args: object, **options: object) -> None:
        quantize_static(*args, op_types_to_quantize=["MatMul"], **options)

    quantize_static = quantization.quantize_static
    monkeypatch.setattr(quantization, "quantize_static", leave_convolutions)
    path = tmp_path / "fp32.onnx"
    features = write_model("10_100_1000", TIMIT_MICRO_MACRO, path)
    with pytest.raises(UnsupportedError, match=r"leaves .*Conv.* in float32"):
        quantise(path, tmp_path / "int8.onnx", features)
