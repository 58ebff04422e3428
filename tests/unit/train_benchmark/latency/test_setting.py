"""Settings have one name each, which can be parsed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding.common.errors import UserError
from train_benchmark.latency.setting import LatencySetting


@given(
    macro=st.sampled_from(["paper", "timit-micro"]),
    kind=st.sampled_from(["cpu-torch-fp32", "cpu-onnx-fp32", "cpu-onnx-int8", "cuda-torch-fp16"]),
    threads=st.integers(1, 64),
    batch=st.integers(1, 64),
    hundredths=st.integers(3, 6000),
)
def test_the_name_of_a_setting_round_trips(
    macro: str, kind: str, threads: int, batch: int, hundredths: int
) -> None:
    name = f"{macro}/{kind}-t{threads}-b{batch}-{hundredths / 100:.15g}s"
    setting = LatencySetting.parse(name)
    assert setting.name == name
    assert LatencySetting.parse(setting.name) == setting


@pytest.mark.parametrize(("seconds", "frames"), [("1", 98), ("4", 398), ("0.025", 1), ("0.5", 48)])
def test_the_number_of_frames_is_that_of_uncentred_windows(seconds: str, frames: int) -> None:
    setting = LatencySetting.parse(f"timit-micro/cpu-onnx-fp32-t1-b1-{seconds}s")
    assert setting.input_frames == frames


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cpu-onnx-fp32-t1-b1-1s", "must be named like"),
        ("timit-micro/cpu-onnx-fp32-t1-b1", "must be named like"),
        ("timit-micro/tpu-onnx-fp32-t1-b1-1s", "device must be one of"),
        ("timit-micro/cpu-torch-int8-t1-b1-1s", "must be one of .* got cpu-torch-int8"),
        ("timit-micro/cpu-onnx-fp32-t0-b1-1s", "1 thread"),
        ("timit-micro/cpu-onnx-fp32-t1-b1-0.01s", "1 input frame"),
        ("nano/cpu-onnx-fp32-t1-b1-1s", "unknown macro network 'nano'"),
    ],
)
def test_invalid_settings_are_refused(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        LatencySetting.parse(name)
