"""Plug-ins without their tool: the error names the extra that installs it."""

import importlib
import sys

import pytest

from graph_encoding.common.errors import MissingExtraError


@pytest.mark.parametrize(
    ("module", "package"), [("optuna_sampler", "optuna"), ("sklearn", "scikit-learn")]
)
def test_a_missing_tool_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, module: str, package: str
) -> None:
    for name in ("optuna.distributions", "sklearn.base", f"surrogate.plugins.{module}"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in ("optuna.distributions", "sklearn.base"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=rf"'{package}'.*nasasr\[predictors\]"):
        importlib.import_module(f"surrogate.plugins.{module}")
