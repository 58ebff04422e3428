"""The Makefile makes its environment anew, and never over somebody else's."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile alone."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    return tmp_path


def make_environment(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", f"PYTHON={sys.executable}", ".venv/.made-in"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_environment_of_the_users_own_is_left_alone(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "mine").touch()
    done = make_environment(checkout)
    assert done.returncode == 2
    assert ".venv was not made by make: move or remove it" in done.stderr
    assert [path.name for path in (checkout / ".venv").iterdir()] == ["mine"]


def test_one_that_was_copied_from_elsewhere_is_made_again(checkout: Path) -> None:
    assert make_environment(checkout).returncode == 0
    environment = checkout / ".venv"
    assert (environment / "bin" / "python").exists()
    (environment / ".made-in").write_text("/elsewhere\n")
    (environment / "left-over").touch()
    done = make_environment(checkout)
    assert done.returncode == 0, done.stderr
    assert (environment / ".made-in").read_text().strip() == str(checkout)
    assert not (environment / "left-over").exists()
