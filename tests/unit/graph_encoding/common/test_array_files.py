"""Trees of arrays come back from a file as they were, to the bit and in their order in memory."""

from pathlib import Path
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_encoding.common.array_files import read_arrays, write_tree

TYPES = ("bool", "uint8", "int16", "uint16", "int64", "uint64", "float32", "float64")
ARRAYS = st.sampled_from(TYPES).flatmap(
    lambda name: hnp.arrays(np.dtype(name), hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
)
LEAVES = st.one_of(
    ARRAYS, ARRAYS.map(np.asfortranarray), st.none(), st.integers(), st.text(), st.booleans()
)
TREES = st.dictionaries(
    st.text(st.characters(exclude_characters="@", codec="utf-8")),
    st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.just("k"), inner)),
)


def assert_same(found: Any, tree: Any) -> None:
    assert type(found) is type(tree)
    if isinstance(tree, dict):
        assert list(found) == list(tree)
        for name in tree:
            assert_same(found[name], tree[name])
    elif isinstance(tree, list):
        assert len(found) == len(tree)
        for one, other in zip(found, tree, strict=True):
            assert_same(one, other)
    elif isinstance(tree, np.ndarray):
        assert (found.dtype, found.shape) == (tree.dtype, tree.shape)
        assert found.flags.fnc == tree.flags.fnc
        assert found.tobytes() == tree.tobytes()
        assert found.flags.writeable
    else:
        assert found == tree


@settings(max_examples=60)
@given(TREES)
def test_a_tree_comes_back_to_the_bit(tmp_path_factory: pytest.TempPathFactory, tree: Any) -> None:
    path = tmp_path_factory.mktemp("tree") / "t.npz"
    write_tree(path, tree)
    assert_same(read_arrays(path), tree)


def test_texts_big_endian_numbers_and_slices_come_back_as_values(tmp_path: Path) -> None:
    given = {
        "texts": np.array(["a", "bcd"]),
        "big": np.array([1.5, -2.0], ">f8"),
        "slice": np.arange(12.0).reshape(3, 4)[::2, 1::2],
    }
    write_tree(tmp_path / "t.npz", given)
    found = read_arrays(tmp_path / "t.npz")
    for name, values in given.items():
        np.testing.assert_array_equal(found[name], values)


def test_a_file_with_a_member_per_array_is_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "old.npz", a=np.arange(3), b=np.eye(2))
    found = read_arrays(tmp_path / "old.npz")
    assert list(found) == ["a", "b"]
    np.testing.assert_array_equal(found["b"], np.eye(2))


def test_floats_of_single_precision_take_less_room_than_in_a_plain_file(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=50_000).astype(np.float32)
    np.savez_compressed(tmp_path / "plain.npz", values=values)
    write_tree(tmp_path / "tree.npz", {"values": values})
    plain, tree = ((tmp_path / f"{name}.npz").stat().st_size for name in ("plain", "tree"))
    assert tree < 0.95 * plain


def test_a_number_that_json_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_tree(tmp_path / "t.npz", {"a": float("nan")})


def test_a_file_with_too_few_entries_is_refused(tmp_path: Path) -> None:
    write_tree(tmp_path / "t.npz", {"a": np.arange(6.0)})
    with np.load(tmp_path / "t.npz") as members:
        cut = {name: of[:, :4] if name == "float64" else of for name, of in members.items()}
    np.savez_compressed(tmp_path / "t.npz", **cut)
    with pytest.raises(ValueError, match="broadcast"):
        read_arrays(tmp_path / "t.npz")
