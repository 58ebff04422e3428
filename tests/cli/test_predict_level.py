"""`nasasr predict --level`: what bounds it, and what does not."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_level_that_cannot_be_had_exits_with_2(run: Run, saved_artifact: Path) -> None:
    code, _, err = run("predict", "10_100_1000", "--artifact", saved_artifact, "--level", "0.999")
    assert code == 2
    assert "lower level" in err


def test_what_has_too_few_held_out_values_has_no_interval(run: Run) -> None:
    """Labels have one of this level; curves do not, nor does the GPU, on which few were timed."""
    ask = ("predict", "10_100_1000", "--level", "0.997")
    code, out, _ = run(*ask, "--format", "json")
    (forecast,) = json.loads(out)
    assert code == 0
    assert all(target["low"] < target["high"] for target in forecast["targets"])
    assert forecast["curve"]["low"] is forecast["curve"]["high"] is None
    assert len(forecast["curve"]["mean"]) == 20
    ends = {of["setting"]: (of["low"], of["high"]) for of in forecast["latencies"]}
    assert ends["paper/cuda-torch-fp32-t1-b1-1s"] == (None, None)
    low, high = ends["timit-micro/cpu-onnx-fp32-t1-b1-1s"]
    assert low < high
    for form in ("table", "csv"):
        for curve in ("--curve", "--no-curve"):
            code, out, err = run(*ask, "--format", form, curve)
            assert (code, err) == (0, "")


def test_an_unknown_setting_is_said(run: Run) -> None:
    code, out, err = run("predict", "10_100_1000", "--setting", "timit-micro/cpu-onnx")
    assert (code, out) == (2, "")
    assert "timit-micro/cpu-onnx-fp32-t1-b1-1s" in err


@pytest.mark.parametrize("shown", [(), ("--curve",), ("--format", "json"), ("--setting", "none")])
@pytest.mark.parametrize("level", ["0.9999", "0.99999"])
def test_the_level_that_a_message_names_works(run: Run, shown: tuple[str, ...], level: str) -> None:
    """Labels, curves and each latency setting have limits of their own: the highest is named."""
    code, _, err = run("predict", "10_100_1000", "--level", level, *shown)
    found = re.search(r" a level of (?:at most )?([0-9.]+), but got", err)
    assert code == 2
    assert found is not None, err
    assert run("predict", "10_100_1000", "--level", found.group(1), *shown)[::2] == (0, "")
