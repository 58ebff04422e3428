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


def test_curves_that_are_not_shown_bound_no_level(run: Run) -> None:
    """Held-out curves of the shipped artifact are fewer than its labels."""
    ask = ("predict", "10_100_1000", "--level", "0.997", "--setting", "none")
    for form in ("table", "csv"):
        code, out, err = run(*ask, "--format", form)
        assert (code, err) == (0, "")
        assert "val_per" in out
    for shown in (("--curve",), ("--format", "json")):
        code, _, err = run(*ask, *shown)
        assert code == 2
        assert "intervals of learning curves reach a level of" in err
    code, out, _ = run(*ask, "--format", "json", "--no-curve")
    (forecast,) = json.loads(out)
    assert code == 0
    assert forecast["curve"] is None
    assert {target["target"] for target in forecast["targets"]} >= {"val_per", "test_per"}


def test_latencies_that_are_not_shown_bound_no_level(run: Run) -> None:
    """Few functions were timed on a GPU, many on a CPU."""
    ask = ("predict", "10_100_1000", "--level", "0.993", "--format", "json")
    code, _, err = run(*ask)
    assert code == 2
    assert "latency in setting 'paper/cuda-torch-fp32-t1-b1-1s': 128 held-out keys" in err
    setting = "timit-micro/cpu-onnx-fp32-t1-b1-1s"
    code, out, _ = run(*ask, "--setting", setting)
    (forecast,) = json.loads(out)
    assert code == 0
    assert [latency["setting"] for latency in forecast["latencies"]] == [setting]


def test_an_unknown_setting_is_said(run: Run) -> None:
    code, out, err = run("predict", "10_100_1000", "--setting", "timit-micro/cpu-onnx")
    assert (code, out) == (2, "")
    assert "timit-micro/cpu-onnx-fp32-t1-b1-1s" in err


@pytest.mark.parametrize("shown", [(), ("--curve",), ("--format", "json"), ("--setting", "none")])
@pytest.mark.parametrize("level", ["0.9999", "0.99999"])
def test_the_level_that_a_message_names_works(run: Run, shown: tuple[str, ...], level: str) -> None:
    """Labels, curves and each latency setting have limits of their own: the lowest is named."""
    code, _, err = run("predict", "10_100_1000", "--level", level, *shown)
    found = re.search(r" a level of (?:at most )?([0-9.]+), but got", err)
    assert code == 2
    assert found is not None, err
    assert run("predict", "10_100_1000", "--level", found.group(1), *shown)[::2] == (0, "")
