"""Line ends of a message: what is marked and rewritten speaks of the text as it is delivered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plaudit.core.labeling.answers import check
from plaudit.core.labeling.line_ends import as_typed, find_piece
from plaudit.core.tasks.form_checks import read_form
from plaudit.errors import AnswersRejected
from tests.support.builders import make_message, make_turn
from tests.support.labeling_project import make_content

FORM = read_form(
    {
        "fields": [
            {"key": "marks", "level": "message", "type": "labeled_text", "labels": ["odd"]},
            {"key": "better", "level": "message", "type": "text", "use": "rewrite"},
            {"key": "remark", "level": "message", "type": "text"},
        ]
    }
)
ENDS = ["\n", "\r\n", "\r"]
TEXTS = [f"One 🙂.{end}{end}Two.{end}" for end in ENDS] + ["One.\r\nTwo.\rThree.\nFour."]


def stored(text: str, key: str, value: Any) -> Any:
    content = make_content(make_turn(messages=[make_message("user"), make_message("a", text)]))
    answer = {"at": "t0u0", "position": 1, "key": key, "value": value}
    return [one.value for one in check(FORM, content, {"t0u0": [1]}, [answer])]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("end", ENDS)
def test_a_rewrite_that_differs_in_line_ends_alone_is_none(text, end):
    untouched = as_typed(text).replace("\n", end)

    assert stored(text, "better", untouched) == []
    assert stored(text, "better", untouched + "!") == [untouched + "!"]
    assert stored(text, "remark", untouched) == [untouched]


@pytest.mark.parametrize("text", TEXTS)
def test_a_mark_over_line_ends_is_stored_as_the_message_says_it(text):
    start, end = 2, len(text) - 2
    piece = text[start:end]

    for said in (piece, as_typed(piece)):
        bare = {"label": "odd", "text": said}
        placed = bare | {"start": start, "end": end}

        assert stored(text, "marks", [bare, placed]) == [
            [
                {"label": "odd", "text": piece},
                {"label": "odd", "text": piece, "start": 2, "end": end},
            ]
        ]


@pytest.mark.parametrize(
    ("text", "said"), [("a\r\nb", "a\n\nb"), ("a\r\nb", "\nb\n"), ("ab", "a\nb"), ("a\nb", "a b")]
)
def test_other_line_ends_are_not_fewer_or_more_of_them(text, said):
    with pytest.raises(AnswersRejected):
        stored(text, "marks", [{"label": "odd", "text": said}])


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="a\r\n", max_size=12), st.integers(0, 12), st.integers(0, 12))
def test_every_typed_piece_of_a_text_is_found_in_it(text, start, length):
    typed = as_typed(text)
    piece = typed[start : start + length]

    found = find_piece(text, piece)

    assert found is not None
    assert found in text
    assert as_typed(found) == piece
