"""`nasasr fit`: what its messages advise works."""

import re
from pathlib import Path

from tests.cli.conftest import Run

FAST_FIT = """
predictor = "ridge"
folds = 3
{}
"""


def test_curves_that_are_too_short_are_left_out_as_the_message_says(
    run: Run, tmp_path: Path
) -> None:
    config, out = tmp_path / "fit.toml", tmp_path / "out"
    config.write_text(FAST_FIT.format(""))
    code, _, err = run("fit", "synth-micro", "--config", config, "--out", out)
    said = re.search(r"put (curve_predictor = \S+) into the file of --config", err)
    assert code == 2
    assert said is not None, err
    config.write_text(FAST_FIT.format(said.group(1)))
    assert run("fit", "synth-micro", "--config", config, "--out", out)[0] == 0
