"""Task of two questions at the annotation page, and the gate between its Submit and the server."""

from __future__ import annotations

import json
from typing import Any

from tests.support.annotators import AnnotationTeam
from tests.support.harness import World
from tests.support.pages.annotation_page import AnnotatorTab, tasks_of, values

FIELDS = [
    {"key": "likert_value", "level": "turn", "type": "integer", "scale": "low_is_first",
     "required": True},
    {"key": "justification", "level": "turn", "type": "text"},
]  # fmt: skip
BOX = '[data-key="justification"] textarea'
WAY_BACK = "#notice:not([hidden]) >> text=Go on editing"
WAITS_MAX = 300
"""Pauses of 100 ms in which a request of the page has to come."""


def make_team(tenant: World) -> AnnotationTeam:
    """People who may work on the only task of a project."""
    team = AnnotationTeam(tenant, form={"fields": FIELDS})
    team.add()
    return team


def begin(ann: AnnotatorTab, text: str = "Old.") -> Any:
    """Open the task and answer it; all is saved."""
    page = ann.take()
    ann.pick("likert_value", "1")
    ann.write("justification", text)
    ann.saved()
    return page


def delivered(ann: AnnotatorTab) -> str | None:
    """The text that was delivered; None if the task is still pending."""
    (task,) = tasks_of(ann)
    if task.status != "completed":
        return None
    found: str = values(task.threads[0].turns[1].annotations)["justification"]
    return found


def wait_for_route(page: Any, routes: list[Any]) -> None:
    """Wait until a request of the page stands among the routes that a test keeps."""
    for _ in range(WAITS_MAX):
        if routes:
            return
        page.wait_for_timeout(100)
    raise AssertionError("no request came")


class Gate:
    """Stands before the server's submit: each request is dealt with as the test says."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.held: list[Any] = []
        self.seen: list[dict[str, Any]] = []
        self.plan: list[str] = []
        page.route("**/submit", self._judge)

    def _judge(self, route: Any) -> None:
        self.seen.append(json.loads(route.request.post_data))
        match self.plan.pop(0) if self.plan else "pass":
            case "drop":
                route.abort()
            case "hold":
                self.held.append(route)
            case "arrive, and lose the answer":
                route.fetch()
                route.abort()
            case "fail":
                route.fulfill(status=500, json={"error": "the server failed", "code": "x"})
            case "busy":
                route.fulfill(status=503, json={"error": "not now", "code": "unavailable"})
            case "pass":
                route.continue_()

    def wait_for(self, count: int) -> None:
        for _ in range(WAITS_MAX):
            if len(self.seen) >= count:
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(len(self.seen))

    def send_held(self) -> int:
        """What was held reaches the server, whoever waits for it; the status of the answer."""
        (route,) = self.held
        request = route.request
        headers = dict(request.headers)
        answer = self.page.request.post(request.url, data=request.post_data, headers=headers)
        status: int = answer.status
        return status
