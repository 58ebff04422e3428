"""`nasasr fit`: what its messages advise works."""

import re
import shutil
from pathlib import Path

from tests.cli.conftest import Run

FAST_FIT = """
predictor = "ridge"
folds = 3
latency_predictor = "none"
{}
"""


def test_curves_that_are_too_short_are_left_out_but_where_a_file_asks_for_them(
    run: Run, tmp_path: Path
) -> None:
    config, out = tmp_path / "fit.toml", tmp_path / "out"
    config.write_text(FAST_FIT.format('curve_predictor = "gp"'))
    code, _, err = run("fit", "synth-micro", "--config", config, "--out", out)
    said = re.search(r"put (curve_predictor = \S+) into the file of --config", err)
    assert code == 2
    assert said is not None, err
    for line in (said.group(1), ""):
        config.write_text(FAST_FIT.format(line))
        code, _, err = run("fit", "synth-micro", "--config", config, "--out", out)
        assert code == 0
        assert ("curves of 3 epochs are too short to be forecast" in err) == (line == "")
        shutil.rmtree(out)
