"""A person at the annotation page in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
from scaleapi import ScaleClient

from plaudit.workspace.http import form_tokens
from tests.support.annotators import AnnotationTeam, state_of
from tests.support.harness import Server
from tests.support.pages.chromium import Remote, Seen

_SELECT = """([selector, from, to]) => {
  const root = document.querySelector(selector);
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const find = (said, isEnd) => {
    walker.currentNode = root;
    while (walker.nextNode()) {
      const at = walker.currentNode.data.indexOf(said);
      if (at >= 0) return [walker.currentNode, at + (isEnd ? said.length : 0)];
    }
  };
  getSelection().setBaseAndExtent(...find(from, false), ...find(to, true));
}"""
_CHOOSE = """(selectors) => {
  for (const one of selectors) document.querySelector(one).click();
}"""
GRADES = ("instruction_following", "truthfulness", "conciseness", "format", "safety")
JUSTIFICATION = "@Response 1 is better than @Response 2."


class AnnotatorTab:
    """One browser of one person, pointed at a server."""

    def __init__(
        self,
        open_context: Callable[..., Any],
        server: Server,
        team: AnnotationTeam,
        name: str,
        **options: Any,
    ) -> None:
        self.server, self.team = server, team
        self.context: Remote
        self.seen: Seen
        # The window is chosen for the page: a context with options of its own is opened anew.
        window = options.pop("viewport", None)
        self.context, self.seen = open_context(server.url, **options)
        self._session = team.person(name)
        cookie = {"name": "plaudit", "value": self._session, "url": server.url}
        self.context.add_cookies([cookie])
        self.page = self.context.new_page()
        if window is not None:
            self.page.set_viewport_size(window)

    def take(self) -> Remote:
        """Take the next task without the queue's page, and wait until its own page works."""
        token = form_tokens.mask(self.team.world.secret.form_tokens(self._session)[0])
        taken = httpx2.post(
            self.server.url + self.team.path,
            data={"csrf": token},
            headers={"Cookie": f"plaudit={self._session}", "Origin": self.server.url},
        )
        assert taken.status_code == 303, taken.text
        self.page.goto(self.server.url + taken.headers["location"])
        return self.ready()

    def take_by_mouse(self) -> Remote:
        """Take the next task on the queue's page and wait until its own page works."""
        self.page.goto(self.server.url + self.team.path)
        self.page.click("#claim")
        return self.ready()

    def ready(self, page: Remote | None = None) -> Remote:
        page = self.page if page is None else page
        page.wait_for_selector("#task[data-ready]")
        return page

    def working(self, page: Remote | None = None) -> Remote:
        """Wait until a page lets its person work, after a reload for instance."""
        page = self.page if page is None else page
        page.wait_for_selector("#task[data-ready]:not(.is-frozen)")
        return page

    def pick(self, key: str, value: str, position: int | None = None) -> None:
        """Choose a value of a question with the mouse."""
        self.page.click(_choice(key, value, position))

    def write(self, key: str, text: str, position: int | None = None) -> None:
        self.page.fill(f"{question(key, position)} textarea", text)

    def fill(self, likert: str = "2") -> None:
        """Answer all that the default form requires, at once, in a tenth of the mouse's time."""
        self.page.evaluate(_CHOOSE, [_choice(*one) for one in _default_answers(likert)])
        self.write("justification", JUSTIFICATION)

    def fill_by_mouse(self, likert: str = "2") -> None:
        """Answer all that the default form requires, with the mouse."""
        for answer in _default_answers(likert):
            self.pick(*answer)
        self.write("justification", JUSTIFICATION)

    def saved(self, page: Remote | None = None) -> None:
        """Wait until the page says that all is on the server."""
        (page or self.page).wait_for_selector('#save-state[data-state="saved"]')

    def answers(self) -> dict[tuple[int | None, str], Any]:
        """What the server has as the draft of the page's task, by position and key."""
        answer = self.page.request.get(self.page.url)
        draft = state_of(answer.text())["draft"] or []
        return {(one.get("position"), one["key"]): one.get("value") for one in draft}

    def submit(self) -> None:
        """Press the button, and wait until another page is there."""
        was = self.page.url
        self.page.click("#submit")
        self.gone_from(was)

    def gone_from(self, was: str) -> None:
        self.page.wait_for_function("was => location.href !== was", arg=was)
        self.page.wait_for_load_state()


def question(key: str, position: int | None = None) -> str:
    """A selector of a question."""
    where = "" if position is None else f"[data-address*='\"position\":{position},']"
    return f'[data-key="{key}"]{where}'


def _choice(key: str, value: str, position: int | None = None) -> str:
    """A selector of what is pressed to choose a value of a question."""
    return f"{question(key, position)} label:has(input[value='{value}'])"


def _default_answers(likert: str) -> list[tuple[str, str, int | None]]:
    """Values that the default form requires, with the key and position of each."""
    found: list[tuple[str, str, int | None]] = []
    for position in (1, 2):
        found += [(key, "3", position) for key in GRADES]
        found.append(("overall", str(5 - position), position))
    return [*found, ("likert_value", likert, None)]


def select_words(page: Any, selector: str, first: str, last: str) -> None:
    """Select from the beginning of one word to the end of another, as a mouse does."""
    page.evaluate(_SELECT, [selector, first, last])


def tasks_of(annotator_tab: AnnotatorTab) -> list[Any]:
    """The project's tasks as the official client reads them."""
    client = ScaleClient(annotator_tab.team.world.key())
    client.v2.api_client.configuration.host = annotator_tab.server.url
    return list(client.v2.get_tasks(project_id=annotator_tab.team.project.project_id).tasks)


def values(annotations: Any) -> dict[str, Any]:
    return {one.actual_instance.key: one.actual_instance.value for one in annotations}
