"""The page of an uploaded file: columns, roles, and the preview of its first tasks."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from markupsafe import escape

from plaudit.formats.registry import FORMATS
from tests.support.harness import one_engine
from tests.support.pages.browser_client import (
    Tags,
)
from tests.support.pages.uploads import (
    CSV,
    ROLES,
    previewed,
    selected,
    uploaded,
)
from tests.support.running.every_case import every_case

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onfocus=alert(1) autofocus='",
    "</textarea></select><svg/onload=alert(1)>",
    "\u202eevil",
    "{{ 7 * 7 }}",
)


def test_columns_are_shown_with_samples_and_a_role_is_proposed_for_each(browser):
    page = browser.get(f"/import/file/{uploaded(browser, CSV)}").text

    roles = selected(page)
    assert {name: role for name, role in roles.items() if role != "preference"} == {
        name: role for name, role in ROLES.items() if role != "preference"
    }
    assert roles["better"] in ("preference", "")
    assert "What is the capital of Kenya?" in page
    assert "No known format has these columns" in page
    assert all(f'<option value="{name}"' in page for name in FORMATS)


@one_engine
def test_columns_that_tell_nothing_are_left_to_the_choices_without_a_mapping_as_text(browser):
    rows = b'{"q": "Why is it so?", "x": "So it is."}\n{"q": "When was it?", "x": "Then it was."}\n'
    page = browser.get(f"/import/file/{uploaded(browser, rows, 'x.jsonl')}").text

    text = re.search(r'<textarea id="mapping".*?>(.*?)</textarea>', page, re.S)
    assert text is not None
    assert text[1] == ""
    assert set(selected(page).values()) == {"metadata"}


@one_engine
def test_what_a_file_calls_its_columns_and_holds_in_them_is_shown_and_never_run(browser):
    rows = [{name: f"{name} {number}" for name in HOSTILE} for number in range(2)]
    content = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    upload_id = uploaded(browser, content, "x.jsonl")

    page = browser.get(f"/import/file/{upload_id}").text
    roles = {HOSTILE[0]: "prompt", HOSTILE[1]: "response:1", HOSTILE[2]: "model:1"}
    preview = previewed(browser, upload_id, roles=roles)
    refused = previewed(browser, upload_id, mapping=f"prompt = '''{HOSTILE[0]} absent'''")

    assert set(selected(page)) == set(HOSTILE)
    for text in (page, preview, refused):
        tags = Tags(text)
        assert tags.inline == []
        assert "img" not in {tag for tag, _ in tags.found}
        assert "svg/onload" not in {tag for tag, _ in tags.found}
        assert not any(name.startswith("on") for _, found in tags.found for name in found)
    assert str(escape(HOSTILE[1])) in page


def test_a_mapping_is_previewed_as_annotators_see_its_tasks_one_at_a_time(browser):
    upload_id = uploaded(browser, CSV)

    first, last = previewed(browser, upload_id), previewed(browser, upload_id, shown=99)

    assert "The first 3 rows make 3 tasks" in first
    assert "Task 1 of 3" in first
    assert "What is the capital of Kenya?" in first
    assert "Mombasa, on the coast." in first
    assert "Task 3 of 3" in last
    assert "Is 51 prime?" in last
    assert 'type="radio"' in first


@every_case(
    "plan, words",
    [
        ({"roles": {}}, "Choose the column with the prompt"),
        ({"roles": ROLES | {"model_a": "response:2"}}, "Two columns are"),
        ({"roles": {"prompt": "king"}}, "unknown role"),
        ({"values": {"a": "?"}}, "A verdict means one of"),
        ({"mapping": "prompt = "}, "The mapping is not TOML"),
        ({"mapping": "x = " + "[" * 5000}, "The mapping is"),
        ({"mapping": "x = " + "9" * 5000}, "The mapping is not TOML"),
        ({"mapping": ".".join("a" * 40) + " = 1"}, "A dotted key has at most"),
        ({"mapping": "x" * 200_000}, "A mapping has at most"),
        ({"mapping": "king = 1"}, "king"),
        ({"mapping": 'prompt = "absent"\nresponses = [{ text = "answer_a" }]'}, "no column"),
        ({"mapping": 'prompt = { column = "prompt", remove = "(a+)+$" }'}, "pattern"),
        ({"format": "king"}, "is no format"),
        ({"format": "gsm8k"}, "would be refused"),
    ],
)
@one_engine
def test_a_mapping_that_cannot_be_is_told_in_the_preview(browser, plan, words):
    text = unescape(previewed(browser, uploaded(browser, CSV), **plan))

    assert words.casefold() in text.casefold()


@pytest.mark.parametrize(
    ("letters", "words"), [(3000, "may take too long in it"), (75, "too long for a preview")]
)
@one_engine
def test_patterns_that_take_long_are_cut_short_in_the_preview(browser, letters, words):
    """One search may take so much that others wait, and many short ones together too long."""
    text = "ab" * letters
    rows = "".join(f'{{"q": "{text}{number}", "a": "So."}}\n' for number in range(50))
    upload_id = uploaded(browser, rows.encode(), "x.jsonl")
    mapping = '[[responses]]\ntext = "a"\n[prompt]\ncolumn = "q"\nremove = "[ab]+[ab]+x"'

    assert words in previewed(browser, upload_id, mapping=mapping)


@one_engine
def test_rows_that_would_be_refused_are_counted_and_the_first_are_shown(browser):
    rows = [{"q": "Why?", "a": "So."}, {"q": "", "a": "So."}, *[{"a": "So."}] * 5]
    content = "".join(f"{json.dumps(row)}\n" for row in rows).encode()

    text = previewed(
        browser, uploaded(browser, content, "x.jsonl"), roles={"q": "prompt", "a": "response:1"}
    )

    assert "6 would be refused" in text
    assert "sample.csv" not in text
    assert text.count('class="wrong small"') == 3
    assert "Task 1 of 1" in text
