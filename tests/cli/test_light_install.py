"""What a forecast needs is all that a light installation has: the rest says what it lacks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# As if they were not installed: whoever imports one of them is told so.
BLOCKED = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "torchaudio", "soundfile", "onnxruntime", "optuna",
                                      "plotly", "xgboost", "lightgbm", "scipy", "ray"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from surrogate.cli import main
main(sys.argv[1:])
"""

CAMPAIGN = "configs/campaign/synth-micro.toml"


def light(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BLOCKED, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("table", "verify", "synth-micro", "--campaign", CAMPAIGN),
        ("collect", CAMPAIGN, "--corpus", "nowhere", "--out", "nowhere-else"),
        ("collect", "status", "nowhere"),
        ("corpus", "check", "nowhere"),
        ("corpus", "make", "configs/corpus/synth-micro.toml", "--out", "nowhere"),
        ("demo", "configs/campaign/demo.toml", "--out", "nowhere"),
        ("tune", "configs/tune/xgb.toml", "--out", "nowhere"),
    ],
)
def test_commands_that_need_more_name_the_extra(arguments: tuple[str, ...]) -> None:
    done = light(*arguments)
    assert done.returncode == 2, done.stderr
    assert "which is not installed; install it with: pip install 'nasasr[" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (ROOT / "nowhere").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", "10_100_1000"),
        ("cell", "10_100_1000"),
        ("table", "info"),
        ("table", "verify", "synth-micro"),
        ("benchmark", "--help"),
    ],
)
def test_commands_that_need_no_more_work(arguments: tuple[str, ...]) -> None:
    done = light(*arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_a_table_is_built_without_what_trains(tmp_path: Path) -> None:
    done = light("table", "build", "campaigns/synth-micro", "--out", str(tmp_path / "table"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "table" / "records.parquet").exists()
