"""The scripts of examples/ run, and are short enough to copy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
NEEDS = {"own_corpus.py": "soundfile", "several_samplers.py": "optuna"}
MOST_LINES = 50


def test_there_are_examples_for_the_five_jobs() -> None:
    assert len(EXAMPLES) == 5


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_run(path: Path, tmp_path: Path) -> None:
    if path.name in NEEDS:
        pytest.importorskip(NEEDS[path.name], reason=f"the example needs {NEEDS[path.name]}")
    scripts = str(Path(sys.executable).parent)
    done = subprocess.run(
        [sys.executable, str(path)],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PATH": os.pathsep.join([scripts, os.environ["PATH"]]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
