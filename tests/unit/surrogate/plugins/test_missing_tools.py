"""Plug-ins without their tool: the error names how to install it."""

import importlib
import sys

import pytest

from graph_encoding.common.errors import MissingExtraError
from graph_encoding.interop.parameters import CellParameters

TOOLS = {
    "optuna_sampler": ("optuna", r"'optuna'.*nasasr\[optuna\]"),
    "sklearn": ("sklearn", r"'scikit-learn'.*nasasr\[sklearn\]"),
    "optunahub": ("optunahub", r"'optunahub'.*nasasr\[optunahub\]"),
    "pymoo": ("pymoo", r"'pymoo'.*nasasr\[pymoo\]"),
    "botorch": ("botorch", r"'botorch'.*nasasr\[botorch\]"),
    "evoxbench": ("evoxbench", "pip install evoxbench$"),
    "carps": ("carps", "pip install carps$"),
    "syne_tune": ("syne_tune", r"pip install syne-tune\[extra\]$"),
}


@pytest.mark.parametrize("module", TOOLS)
def test_a_missing_tool_is_named_with_its_installation(
    monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    package, message = TOOLS[module]
    for name in [n for n in sys.modules if n == package or n.startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, f"surrogate.plugins.{module}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=message):
        importlib.import_module(f"surrogate.plugins.{module}")


@pytest.mark.parametrize(
    ("module", "package", "message"),
    [
        ("configspace", "ConfigSpace", r"'ConfigSpace'.*nasasr\[smac\]"),
        ("neps", "neps", "pip install neural-pipeline-search$"),
    ],
)
def test_a_module_without_base_classes_loads_and_names_its_tool_later(
    monkeypatch: pytest.MonkeyPatch, module: str, package: str, message: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    loaded = importlib.import_module(f"surrogate.plugins.{module}")
    with pytest.raises(MissingExtraError, match=message):
        loaded.cell_space(CellParameters())
