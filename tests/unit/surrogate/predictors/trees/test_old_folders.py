"""Folders of trees as JSON documents, written before trees were arrays, load as before."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph_encoding.common.array_files import read_arrays
from surrogate.predictors import LgbmPredictor, Predictor, XgbPredictor, load_predictor
from surrogate.predictors.stack import StackPredictor, StackSettings, StackXgbSettings
from surrogate.predictors.trees.lgbm import LgbmSettings, _nested
from surrogate.predictors.trees.xgb import XgbSettings
from surrogate.testing.synthetic import synthetic_dataset

MEMBERS = 3


def _xgboost_document(booster: Any) -> str:
    return bytes(booster.save_raw("json")).decode()


def _lightgbm_document(booster: Any) -> str:
    trees = booster.dump_model()["tree_info"]
    return json.dumps([_nested(info["tree_structure"]) for info in trees])


def _write_old_form(folder: Path, documents: dict[str, str]) -> None:
    """Replace the trees of a saved predictor by documents."""
    arrays = read_arrays(folder / "arrays.npz")
    kept = {name: array for name, array in arrays.items() if "forest_" not in name}
    assert len(kept) < len(arrays)
    np.savez_compressed(folder / "arrays.npz", allow_pickle=False, **kept)
    header = json.loads((folder / "predictor.json").read_text())
    header["documents"] += list(documents)
    (folder / "predictor.json").write_text(json.dumps(header))
    for name, text in documents.items():
        (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("library", "predictor", "name", "document"),
    [
        (
            "xgboost",
            XgbPredictor(XgbSettings(members=MEMBERS, rounds=20)),
            "member-{}.xgboost.json",
            _xgboost_document,
        ),
        (
            "lightgbm",
            LgbmPredictor(LgbmSettings(members=MEMBERS, rounds=20)),
            "member-{}.lightgbm.json",
            _lightgbm_document,
        ),
        (
            "xgboost",
            StackPredictor(
                StackSettings(gnn_from=10**6, xgb=StackXgbSettings(members=MEMBERS, rounds=20))
            ),
            "xgb-0-member-{}.xgboost.json",
            _xgboost_document,
        ),
    ],
    ids=["xgb", "lgbm", "stack"],
)
def test_an_old_folder_predicts_what_the_fit_did(
    library: str,
    predictor: Predictor,
    name: str,
    document: Callable[[Any], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = pytest.importorskip(library, reason="needs the extra predictors")
    boosters: list[Any] = []
    train = module.train

    def noted(*args: Any, **options: Any) -> Any:
        boosters.append(train(*args, **options))
        return boosters[-1]

    monkeypatch.setattr(module, "train", noted)
    data = synthetic_dataset(60)
    predictor.fit(data, np.random.default_rng(0))
    predictor.save(tmp_path)
    assert not list(tmp_path.glob("*member*"))
    of_fit = boosters[-MEMBERS:]
    _write_old_form(
        tmp_path, {name.format(i): document(booster) for i, booster in enumerate(of_fit)}
    )
    graphs = synthetic_dataset(80, start=30).graphs
    old, fitted = load_predictor(tmp_path).predict(graphs), predictor.predict(graphs)
    np.testing.assert_array_equal(old.mean, fitted.mean)
    np.testing.assert_array_equal(old.std, fitted.std)
