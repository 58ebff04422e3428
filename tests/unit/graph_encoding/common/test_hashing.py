"""Content hashes: the canonical form that saved files rely on."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding.common.hashing import content_hash

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
FINITE = SCALARS.filter(lambda x: not isinstance(x, float) or math.isfinite(x))


def test_the_canonical_form_has_not_changed() -> None:
    """The digest is that of the bytes `{"a":[1,2.5,null],"b":"\\u00e9"}`."""
    known = "45584828a616e524473fb887d415f828918fb9676efdaa57c062231771111499"
    assert content_hash({"b": "é", "a": [1, 2.5, None]}) == known


@given(st.dictionaries(st.text(), FINITE, min_size=2))
def test_hash_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    backwards = dict(reversed(value.items()))
    assert content_hash(value) == content_hash(backwards)


@given(st.dictionaries(st.text(), FINITE))
def test_hash_is_that_of_the_value_read_back_from_json(value: dict[str, object]) -> None:
    assert content_hash(json.loads(json.dumps(value))) == content_hash(value)


def test_values_that_differ_have_different_hashes() -> None:
    assert content_hash({"a": 1}) != content_hash({"a": 2})


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_hash_refuses_numbers_that_json_does_not_have(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        content_hash({"a": number})
