"""Questions that stop a submission or a draft are named on the page, with a network and without."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.annotators import AnnotationTeam
from tests.support.harness import Server, World, on_shared_sqlite
from tests.support.pages.annotation_page import AnnotatorTab, tasks_of

pytestmark = on_shared_sqlite

FIELDS = [
    {"key": "likert_value", "level": "turn", "type": "integer", "scale": "low_is_first",
     "required": True, "title": "Which is better?"},
    {"key": "seconds", "level": "turn", "type": "integer", "title": "How long?"},
    {"key": "justification", "level": "turn", "type": "text", "title": "Why?"},
]  # fmt: skip


@pytest.fixture
def ann(tenant: World, shared_server: Server, open_context: Any) -> AnnotatorTab:
    team = AnnotationTeam(tenant, form={"fields": FIELDS})
    team.add(count=2)
    return AnnotatorTab(open_context, shared_server, team, "Ann")


def wrong(key: str) -> str:
    return f'[data-key="{key}"] .wrong:not([hidden])'


def test_without_a_network_what_is_missing_is_named_and_nothing_locks(ann):
    """Whether the browser knows that it is offline, or finds out by trying."""
    page = ann.take()
    for is_known in (True, False):
        ann.write("justification", "Because.")
        ann.saved()
        if is_known:
            ann.context.set_offline(True)
        else:
            page.route("**/submit", lambda route: route.abort())

        page.click("#submit")
        page.wait_for_selector(wrong("likert_value"))
        said = page.inner_text(wrong("likert_value"))
        is_frozen = page.query_selector(".is-frozen") is not None
        ann.pick("likert_value", "1")
        ann.context.set_offline(False)
        page.unroute("**/submit")
        ann.saved()
        ann.submit()

        assert (is_known, said, is_frozen) == (is_known, "An answer is required.", False)
        if is_known:
            ann.ready()

    assert [task.status for task in tasks_of(ann)] == ["completed"] * 2


def test_a_draft_that_is_refused_names_its_question(ann):
    page = ann.take()
    box = '[data-key="justification"] textarea'
    page.evaluate(
        "box => { const field = document.querySelector(box); field.focus();"
        " field.value = 'x\\ud83d'; field.dispatchEvent(new Event('input', { bubbles: true })); }",
        box,
    )
    page.wait_for_selector(wrong("justification"))
    text = page.inner_text("#notice"), page.inner_text(wrong("justification"))
    page.fill(box, "x")
    ann.saved()
    page.fill('[data-key="seconds"] input', "12345678901234567890")
    page.wait_for_selector(wrong("seconds"))
    number = page.inner_text("#notice"), page.inner_text(wrong("seconds"))
    page.fill('[data-key="seconds"] input', "7")
    ann.saved()

    assert text[0].startswith("Why?: Text holds an unpaired surrogate.")
    assert text[1] == "Text holds an unpaired surrogate."
    assert number[0].startswith("How long?: An integer is outside the 64-bit range.")
    assert page.is_hidden("#notice")
    assert ann.answers()[(None, "seconds")] == 7
