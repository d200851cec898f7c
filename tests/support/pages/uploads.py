"""Uploads of files to be imported: the sample, the choices for it, and what the pages say."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from plaudit.formats.table import samples
from tests.support.pages.browser_client import Browser, ended, start_import

CSV = samples.FILES["sample.csv"][1].encode()
ROLES = {
    "prompt": "prompt",
    "answer_a": "response:1",
    "answer_b": "response:2",
    "model_a": "model:1",
    "model_b": "model:2",
    "better": "preference",
    "rater": "contributor",
}
VALUES = {"a": "first", "b": "second", "tie": "tie"}
PLAN: dict[str, Any] = {"format": "table", "project": "Cities", "roles": ROLES, "values": VALUES}


def uploaded(browser: Browser, content: bytes, name: str = "sample.csv", **query: str) -> str:
    """Id of an upload that has been looked at."""
    answer = browser.upload(
        f"/import/upload?name={name}" + "".join(f"&{k}={v}" for k, v in query.items()), content
    )
    assert answer.status_code == 200, answer.text
    upload_id: str = answer.json()["job_id"]
    job = ended(browser, f"/import/file/{upload_id}/progress")
    assert job["state"] == "done", job
    return upload_id


def imported(browser: Browser, upload_id: str, **plan: Any) -> dict[str, Any]:
    """The whole import of an upload."""
    answer = start_import(browser, upload_id, **(PLAN | plan))
    assert answer.status_code == 200, answer.text
    return ended(browser, f"/import/{answer.json()['job_id']}/progress")


def selected(page: str) -> dict[str, str]:
    """Role that the page proposes for each column."""
    found = {}
    for attributes, options in re.findall(
        r"<select id=\"column-\d+\"(.*?)>(.*?)</select>", page, re.S
    ):
        name = re.search(r'data-column="([^"]*)"', attributes)
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        assert name is not None
        found[unescape(name[1])] = chosen[1] if chosen else ""
    return found


def previewed(browser: Browser, upload_id: str, **plan: Any) -> str:
    answer = browser.send(f"/import/file/{upload_id}/preview", PLAN | plan)
    assert answer.status_code == 200, answer.text
    return answer.text
