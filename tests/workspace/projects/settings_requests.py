"""Requests to the pages of a project's settings."""

from __future__ import annotations

import re
from typing import Any

from plaudit.model.core import ProjectRow
from tests.support.pages.browser_client import Browser


def path_of(project: ProjectRow, page: str = "") -> str:
    return f"/projects/{project.project_id}/settings{page}"


def drawn(browser: Browser, path: str, **body: Any) -> Any:
    """A preview as the page's script asks for it."""
    return browser.send(f"{path}/preview", body, Accept="text/html")


def version_in(text: str) -> str:
    found = re.search(r'name="version" value="([^"]+)"', text)
    assert found is not None
    return found[1]


def fault_in(text: str) -> tuple[str, str]:
    match = re.search(r'data-pointer="([^"]*)" data-message="([^"]*)"', text)
    assert match is not None
    return match[1], match[2]
