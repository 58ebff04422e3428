"""Quantisation of a float32 ONNX model to int8, or the reason why it is impossible.

Static quantisation in QDQ form: weights int8, activations uint8, one scale per tensor. Dynamic
quantisation of convolutions runs as `ConvInteger`, two to four times slower than float32 here.
An LSTM is the exception: onnxruntime supports it in int8 only in the dynamic form.

Weights are in -64 .. 64. Processors with AVX2 or AVX512 but without VNNI add two products of an
activation and a weight in 16 bits, with saturation; two products of 255 and 64 still fit.

Source: onnxruntime `quantization/quantize.py`, "Choosing parameters for CPU inference".
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from graph_encoding.common.errors import UserError
from train_benchmark.latency.engines.onnx_export import INPUT_NAME
from train_benchmark.latency.engines.ort_errors import ort_errors, ort_exceptions, reason_of
from train_benchmark.latency.engines.weights import Floats

_FLOAT_PRODUCTS = {"Conv", "FusedConv", "Gemm", "FusedGemm", "LSTM", "MatMul", "FusedMatMul"}
"""Operators that multiply by float32 weights."""


class UnsupportedError(UserError):
    """The engine cannot run a network in a setting; the message names the operation."""


def quantise(path: Path, out: Path, calibration_BTC: Floats) -> None:
    """Quantise a model so that every product with weights runs in int8.

    Args:
        path: float32 model from `write_onnx`.
        out: int8 model to write.
        calibration_BTC: (B, T, mel_bins) features that determine the ranges of activations.

    Raises:
        UnsupportedError: if onnxruntime refuses the int8 model, or would still run a product with
            weights in float32.
        EngineError: if onnxruntime cannot run the float32 model or quantise it.
    """
    from onnxruntime import quantization  # type: ignore[import-untyped]

    with ort_errors("quantise this cell"):
        quantization.quantize_static(
            path,
            out,
            _Calibration(calibration_BTC),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            reduce_range=True,
        )
        if "LSTM" in _operators(out):
            quantization.quantize_dynamic(
                out,
                out,
                op_types_to_quantize=["LSTM"],
                weight_type=quantization.QuantType.QInt8,
                reduce_range=True,
            )
    left = sorted(_FLOAT_PRODUCTS & _optimised_operators(out))
    if left:
        raise UnsupportedError(
            f"int8 must run every product with weights in int8, but onnxruntime leaves "
            f"{', '.join(left)} in float32; measure this cell in fp32"
        )


class _Calibration:
    """The only batch that determines the ranges, in onnxruntime's protocol."""

    def __init__(self, features_BTC: Floats) -> None:
        self._batches: Iterator[dict[str, Floats]] = iter([{INPUT_NAME: features_BTC}])

    def get_next(self) -> dict[str, Floats] | None:
        return next(self._batches, None)

    def __iter__(self) -> Iterator[dict[str, Floats]]:
        return self._batches


def _optimised_operators(path: Path) -> set[str]:
    """Operators of the optimised graph that onnxruntime runs."""
    import onnxruntime

    with TemporaryDirectory(prefix="nasasr-") as folder:
        options: Any = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(Path(folder) / "optimised.onnx")
        options.log_severity_level = 3
        try:
            onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except ort_exceptions() as e:
            raise UnsupportedError(
                f"onnxruntime cannot run this cell in int8: {reason_of(e)}"
            ) from e
        return _operators(Path(options.optimized_model_filepath))


def _operators(path: Path) -> set[str]:
    import onnx

    return {node.op_type for node in onnx.load(path, load_external_data=False).graph.node}
