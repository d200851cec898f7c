"""Chats on the page between upload and import: a mapping that leads into a column is text."""

from __future__ import annotations

import json

from markupsafe import escape

from tests.support.pages.browser_client import add_person, ended, signed_in, upload_file


def test_a_drafted_mapping_that_leads_into_a_column_is_text_to_edit(world):
    chat = [{"role": "user", "content": "A bird?"}, {"role": "assistant", "content": "Tern"}]
    rows = [json.dumps({"chat": chat, "rating": rating}) for rating in (1, 2)]
    with signed_in(world, add_person(world, "manager")) as browser:
        browser.get("/import")
        upload_id = upload_file(browser, "\n".join(rows).encode(), "chats.jsonl").json()["job_id"]
        ended(browser, f"/import/file/{upload_id}/progress")

        page = browser.get(f"/import/file/{upload_id}").text

    assert str(escape('text = "chat[-1].content"')) in page
