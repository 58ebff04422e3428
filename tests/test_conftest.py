"""What the tests share does not depend on the machine or on the order of the tests."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings

from graph_encoding import MACROS, TIMIT_MICRO_MACRO, Operation, register_operation
from tests.conftest import found_timit_sample


def test_laws_have_no_deadline_and_the_same_cases_in_every_run() -> None:
    assert settings().deadline is None
    assert settings().derandomize


@pytest.mark.parametrize("kernel", [13, 15])
def test_an_operation_is_registered_in_its_test_only(kernel: int) -> None:
    """Two operations of one name: the second is refused if the first is still there."""
    register_operation(Operation("conv_of_test", "conv", kernel=kernel))


@pytest.mark.parametrize("mel_bins", [20, 30])
def test_a_macro_is_registered_in_its_test_only(mel_bins: int) -> None:
    MACROS.register("of-test", replace(TIMIT_MICRO_MACRO, mel_bins=mel_bins))


def test_the_sample_is_looked_for_where_it_may_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("NASASR_TIMIT", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    of_nltk = tmp_path / "nltk_data" / "corpora" / "timit"
    of_nltk.mkdir(parents=True)
    assert found_timit_sample() == of_nltk
    monkeypatch.setenv("NASASR_TIMIT", str(tmp_path / "elsewhere"))
    assert found_timit_sample() == tmp_path / "elsewhere"
