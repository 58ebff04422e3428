"""The examples of the page on plug-ins run against the real tools, where these are installed.

`make plugins` installs each tool in an environment of its own; elsewhere the others are skipped.
"""

import doctest
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[4] / "docs/guides/plugins.md"
PACKAGES = {
    "Optuna": "optuna",
    "OptunaHub": "optunahub",
    "scikit-learn": "sklearn",
    "NASLib": "surrogate",
    "pymoo": "pymoo",
    "SMAC and ConfigSpace": "smac",
    "BoTorch": "botorch",
    "Ax": "ax",
    "EvoXBench": "evoxbench",
    "CARP-S": "carps",
    "Syne Tune": "syne_tune",
    "NePS": "neps",
}
OLDEST = {"BoTorch": "0.18"}  # NePS installs an older one beside it
SECTIONS = dict(
    re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.M | re.S)
)


class LastLines(doctest.OutputChecker):
    """Compares the last lines, because tools print logs before them; without any, all is right."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        last = got.splitlines(keepends=True)[-len(want.splitlines()) :]
        return not want or super().check_output(want, "".join(last), optionflags)


def test_every_section_with_code_is_known() -> None:
    with_code = {name for name, text in SECTIONS.items() if "```python" in text}
    assert with_code - set(PACKAGES) == {
        "Named parameters",
        "Many cells at once",
        "What adapters share",
    }


@pytest.mark.filterwarnings("default")  # the tools' own; Ax calls what it has deprecated
@pytest.mark.parametrize("section", PACKAGES)
def test_the_example_runs(section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(PACKAGES[section], minversion=OLDEST.get(section))
    monkeypatch.chdir(tmp_path)  # tools write their logs where they run
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", SECTIONS[section], re.M | re.S))
    example = doctest.DocTestParser().get_doctest(code, {}, section, str(PAGE), 0)
    assert example.examples
    report: list[str] = []
    runner = doctest.DocTestRunner(LastLines(), optionflags=doctest.NORMALIZE_WHITESPACE)
    result = runner.run(example, out=report.append)
    assert result.failed == 0, "".join(report)
