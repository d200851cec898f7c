"""About how long a JSON value is."""

from __future__ import annotations

import json

import pytest

from plaudit.core.common.json_size import ENOUGH, VALUE_BYTES, json_size
from plaudit.wire.v2.task import ErrorDetail

LARGE = {
    "one text": "x" * ENOUGH,
    "one key": {"x" * ENOUGH: 1},
    "many numbers": list(range(ENOUGH)),
    "many keys": {str(number): None for number in range(ENOUGH)},
    "many levels": json.loads("[" * 900 + '"' + "x" * ENOUGH + '"' + "]" * 900),
    "a struct": [ErrorDetail(message="x" * ENOUGH)],
    "the last of many": ["x"] * 100 + [{"a": [{"b": "x" * ENOUGH}]}],
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_value_counts_as_enough(name):
    assert json_size(LARGE[name]) >= ENOUGH


@pytest.mark.parametrize(
    "value", [None, 1, "", [], (), {}, "x" * 1000, {"a": ["b" * 500, {"c": 1}]}]
)
def test_a_small_value_counts_about_as_long_as_it_is_written(value):
    assert abs(json_size(value) - len(json.dumps(value))) <= 6 * VALUE_BYTES
