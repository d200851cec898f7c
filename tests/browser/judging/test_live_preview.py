"""Live preview: what is written is shown as it will be read."""

from __future__ import annotations

from tests.support.annotators import AnnotationTeam, make_content
from tests.support.builders import make_message, make_thread, make_turn
from tests.support.harness import on_shared_sqlite
from tests.support.pages.annotation_page import AnnotatorTab

pytestmark = on_shared_sqlite

RESPONSE = {"key": "response", "level": "turn", "type": "text", "use": "response"}
REWRITE = {"key": "better", "level": "message", "type": "text", "use": "rewrite"}


def test_a_written_response_is_shown_as_it_will_be_read_while_it_is_written(
    tenant, shared_server, open_context
):
    team = AnnotationTeam(tenant, form={"fields": [RESPONSE]})
    team.add([make_thread(turns=[make_turn("turn_0", [make_message("user", "Why?")])])])
    ann = AnnotatorTab(open_context, shared_server, team, "Ann")
    page = ann.take()
    before = page.is_visible(".preview")

    page.keyboard.press("e")
    page.keyboard.type("**Because** `x`")
    page.wait_for_selector(".preview strong:text-is('Because')")
    page.keyboard.type(" <b onclick=alert(1)>")
    page.wait_for_selector(".preview:has-text('onclick')")
    at = page.evaluate("document.activeElement.tagName")
    page.click(".preview-switch")
    page.reload()
    ann.ready()

    assert (before, at) == (False, "TEXTAREA")
    assert page.is_hidden(".preview")  # whoever does not want it need not say so again
    assert ann.seen.errors + ann.seen.violations + ann.seen.dialogs == []


def test_a_rewrite_is_shown_once_it_differs_and_without_a_network_the_page_says_so(
    tenant, shared_server, open_context
):
    team = AnnotationTeam(tenant, form={"fields": [REWRITE]})
    team.add(make_content("One.", "Two."))
    ann = AnnotatorTab(open_context, shared_server, team, "Ann")
    page = ann.take()
    first = '[data-response="1"]'

    page.click(f"{first} summary")
    same = page.is_visible(f"{first} .preview")
    page.fill(f"{first} textarea", "*Three.*")
    page.wait_for_selector(f"{first} .preview em:text-is('Three.')")
    ann.context.set_offline(True)
    page.fill(f"{first} textarea", "*Four.*")
    page.wait_for_selector("text=the preview is an older one")
    kept = page.inner_text(f"{first} .preview")
    ann.context.set_offline(False)
    page.fill(f"{first} textarea", "*Five.*")
    page.wait_for_selector(f"{first} .preview em:text-is('Five.')")

    assert (same, kept.strip()) == (False, "Three.")
    assert page.query_selector("text=the preview is an older one") is None
