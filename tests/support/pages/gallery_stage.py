"""A demonstration that runs, furnished with what the scenes of the gallery show."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2

from tests.support.annotators import good_answers, state_of
from tests.support.forked_process import ForkedProcess, forked_command
from tests.support.harness import clean_environment, free_port
from tests.support.pages.browser_client import token_in

READY_S = 30

EQUAL = 4
"""Preference of neither response, in whatever order they are shown."""


@dataclass
class Stage:
    """A demonstration that runs, who can sign in, and what was put into it for the scenes."""

    url: str
    key: str
    logins: dict[str, tuple[str, str]]
    made: dict[str, str] = field(default_factory=dict)
    api: httpx2.Client = field(init=False)
    """Asks the server with the key."""

    def __post_init__(self) -> None:
        # Given up long before the server does so, which may happen while something is sent.
        limits = httpx2.Limits(keepalive_expiry=1)
        self.api = httpx2.Client(base_url=self.url, auth=(self.key, ""), limits=limits)

    def call(self, path: str, body: Any = None) -> Any:
        """Ask the management API; with a body, by POST."""
        method = "GET" if body is None else "POST"
        answer = self.api.request(method, f"/manage/v1{path}", json=body)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()

    def sign_in(self, page: Any, role: str) -> None:
        """Go through the sign-in page."""
        email, password = self.logins[role]
        page.goto(f"{self.url}/sign-in")
        page.fill("[name=email]", email)
        page.fill("[name=password]", password)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{self.url}/work")


@contextmanager
def demonstration() -> Iterator[Stage]:
    """`plaudit demo` as a newcomer starts it, furnished for the scenes."""
    environ = clean_environment(PLAUDIT_EGRESS_ALLOW="127.0.0.0/8")
    with TemporaryDirectory() as folder:
        log = Path(folder) / "demo.log"
        process = forked_command("demo", "--port", str(free_port()), environ=environ, log=log)
        try:
            demo = read_welcome(wait_for_welcome(process, log))
            with demo.api:
                wait_until_ready(demo.url)
                furnish(demo)
                yield demo
        finally:
            process.terminate()
            process.wait(READY_S)


def wait_for_welcome(process: ForkedProcess, log: Path) -> str:
    """All that a demonstration says before it serves."""
    deadline = time.monotonic() + READY_S
    while True:
        words = log.read_text("utf-8") if log.exists() else ""
        if "nothing is kept.\n" in words:
            return words
        assert process.poll() is None, words
        assert time.monotonic() < deadline, words
        time.sleep(0.05)


def read_welcome(words: str) -> Stage:
    """What the demonstration says when it starts."""
    logins = {
        role: (email, word) for role, email, word in re.findall(r"as (\w+) +(\S+) +(\S+)", words)
    }
    url = re.search(r"http://[\d.:]+", words)
    key = re.search(r"API key +(\S+)", words)
    assert url is not None
    assert key is not None
    return Stage(url[0], key[1], logins)


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + READY_S
    while True:
        try:
            httpx2.get(f"{url}/readyz", timeout=1).raise_for_status()
            return
        except httpx2.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def furnish(demo: Stage) -> None:
    """Put into a fresh demonstration what the scenes need."""
    furnish_review(demo)
    furnish_attention(demo)
    furnish_rules(demo)
    furnish_test(demo)
    furnish_deliveries(demo)
    furnish_gold(demo)
    furnish_staff(demo)


def furnish_staff(demo: Stage) -> None:
    """A project with members and quotas, a team that has a batch, and a study."""
    project = demo.call("/projects", {"name": "For members"})["id"]
    team = demo.call("/teams", {"name": "Poets"})["team_id"]
    email, _ = demo.logins["annotator"]
    people = demo.call("/users")["users"]
    person = next(one["user_id"] for one in people if one.get("email") == email)
    demo.call(f"/teams/{team}/people", {"user_ids": [person]})
    study = {"name": "Pilot", "tasks": 5, "completion_code": "C0DE"}
    url = demo.call(f"/projects/{project}/study_links", study)["url"]
    changes = {
        f"/projects/{project}/access": {"members_only": True, "tasks_per_day": 20},
        f"/projects/{project}/members/{person}": {"role": "annotator", "tasks_per_day": 3},
        f"/projects/{project}/members/{team}": {"role": "reviewer"},
        f"/users/{person}/skills": {"languages": ["en", "es"], "tags": ["law"]},
    }
    for path, body in changes.items():
        assert demo.api.put(f"/manage/v1{path}", json=body).status_code == 200, path
    lines = b'{"content":[{"id":"t","turns":[{"id":"u","messages":[{"id":"m","role":"user",'
    lines += b'"source_id":"user","content":{"text":"Why?"}}],"annotations":[]}],'
    lines += b'"annotations":[]}]}\n'
    demo.api.post(f"/manage/v1/projects/{project}/tasks", content=lines)
    asked = b'{"metadata":{"plaudit_requires":{"languages":["fr"],"tags":["law"]}},'
    demo.api.post(f"/manage/v1/projects/{project}/tasks", content=asked + lines[1:])
    path = url.partition("/study/")[2].partition("?")[0]
    demo.made |= {
        "staffed_project": project,
        "team": team,
        "skilled": email,
        "study": f"/study/{path}?PROLIFIC_PID=p-1&SESSION_ID=s-1",
    }


def furnish_gold(demo: Stage) -> None:
    """A project where somebody has answered gold, and is told at once."""
    settings = {"types": ["RLHF: Pref Ranking"], "gold": {"rate": 0.5, "feedback": "at_once"}}
    project = demo.call("/projects", {"name": "With gold"} | settings)
    demo.made["gold_project"] = project["id"]
    for prompt in ("What is a leap year?", "Why do leaves fall?"):
        responses = [{"source_id": one, "text": f"As {one} says."} for one in ("first", "second")]
        variables = {"prompt": prompt, "responses": responses}
        body = {"project_name": "With gold", "template_variables": variables}
        demo.api.post("/v2/task/chat", json=body).raise_for_status()
    texts = {"user": "How many legs has a spider?", "first": "Eight.", "second": "**Six**."}
    messages = [
        {
            "role": "user" if source == "user" else "assistant",
            "source_id": source,
            "content": {"text": text},
        }
        for source, text in texts.items()
    ]
    thread = {"id": "thread_0", "turns": [{"id": "turn_0", "messages": messages}]}
    expected = {"at": "t0u0", "key": "selected_model_id", "value": "first"}
    new = {"content": [thread], "expected": [expected], "reason": "Spiders have **eight** legs."}
    made = demo.call(f"/projects/{project['id']}/gold", {"tasks": [new]})
    demo.made["gold"] = made["tasks"][0]["task_id"]
    with httpx2.Client(base_url=demo.url, headers={"Origin": demo.url}) as client:
        email, word = demo.logins["annotator"]
        token = token_in(client.get("/sign-in", headers={"Accept": "text/html"}))
        client.post("/sign-in", data={"csrf": token, "email": email, "password": word})
        at = take(client, project["id"])
        hand_in(client, at, "submit", answers=good_answers(2, "t0u0"), client_key="k")
        demo.made["feedback"] = f"{at}/feedback"


def furnish_deliveries(demo: Stage) -> None:
    """Two deliveries, a change since, and an endpoint that nobody answers behind."""
    path = "/projects/project_preference/deliveries"
    first = demo.call(path, {"name": "January", "completed_before": "2025-02-01"})
    hook = {"url": "http://127.0.0.1:1/hook", "events": ["delivery.created"]}
    demo.made["endpoint"] = demo.call("/webhooks", hook)["id"]
    second = demo.call(path, {"name": "All of it"})
    demo.made |= {"delivery": first["id"], "other_delivery": second["id"]}


def furnish_review(demo: Stage) -> None:
    """A project in which two people have answered, and one has reported a task."""
    asked = {"types": ["RLHF: Pref Ranking"], "overlap": 2, "review": "all", "self_review": True}
    project = demo.call("/projects", {"name": "Under review"} | asked)
    demo.made["review_project"] = project["id"]
    demo.made["review_task"] = add_task(demo, "How do I boil an egg?")
    demo.made["reported_task"] = add_task(demo, "Why is the sky blue?")
    answer_tasks(demo, project["id"], reports=True)
    for prompt in ("How long does tea steep?", "Why is the moon round?"):
        add_task(demo, prompt)
    answer_tasks(
        demo, project["id"], count=2, likerts=(4, 4)
    )  # nobody disagrees on which is better


def add_task(demo: Stage, prompt: str, project: str = "Under review") -> str:
    """Add a task to the project of this name; its id."""
    variables = {"prompt": prompt, "responses": ["Ask **somebody**.", "Look it up."]}
    body = {"project_name": project, "template_variables": variables}
    answer = demo.api.post("/v2/task/chat", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["task_id"])


def answer_tasks(
    demo: Stage,
    project_id: str,
    *,
    count: int = 1,
    likerts: tuple[int, int] = (2, 6),
    reports: bool = False,
) -> None:
    """The next tasks of a project, answered by two people; with `reports` one is reported then."""
    for role, likert in zip(("annotator", "admin"), likerts, strict=True):
        with httpx2.Client(base_url=demo.url, headers={"Origin": demo.url}) as client:
            email, word = demo.logins[role]
            token = token_in(client.get("/sign-in", headers={"Accept": "text/html"}))
            client.post("/sign-in", data={"csrf": token, "email": email, "password": word})
            for _ in range(count):
                at = take(client, project_id)
                answers = good_answers(likert, "t0u0")
                for answer in answers if likert == EQUAL else ():
                    # Responses are shown in an order of each person's own.
                    answer["value"] = 4 if answer["key"] == "overall" else answer["value"]
                hand_in(client, at, "submit", answers=answers, client_key="k")
            if role == "admin" and reports:
                at = take(client, project_id)
                hand_in(client, at, "report", reason="harmful", note="It is unkind.")


def furnish_attention(demo: Stage) -> None:
    """A project whose tasks its only annotator has flagged and skipped."""
    project = demo.call("/projects", {"name": "Unclear prompts"})
    demo.made["attention_project"] = project["id"]
    for prompt in ("Do it.", "And then?"):
        variables = {"prompt": prompt, "responses": ["What?", "When?"]}
        body = {"project_name": "Unclear prompts", "template_variables": variables}
        made = demo.api.post("/v2/task/chat", json=body)
        demo.made.setdefault("asked_task", made.raise_for_status().json()["task_id"])
    with httpx2.Client(base_url=demo.url, headers={"Origin": demo.url}) as client:
        email, word = demo.logins["annotator"]
        token = token_in(client.get("/sign-in", headers={"Accept": "text/html"}))
        client.post("/sign-in", data={"csrf": token, "email": email, "password": word})
        for note in ("Nobody can tell what is asked.", ""):
            at = take(client, project["id"])
            token = token_in(client.get(f"{at}/messages", headers={"Accept": "text/html"}))
            said = {"csrf": token, "text": "What is *it*? I see no image.", "seen": "0"}
            assert client.post(f"{at}/messages", data=said).status_code == 303
            demo.made["talk"] = f"{at}/messages"
            hand_in(client, at, "flag", reason="flagged", note=note or None)
            hand_in(client, at, "skip", reason="too_hard")


def furnish_rules(demo: Stage) -> None:
    """A project with rules, whose annotator is paused and has said something to it."""
    project = demo.call("/projects", {"name": "Under rules"})["id"]
    demo.made["ruled_project"] = project
    rules = [
        {"collector": "gold", "threshold": 0.7, "action": "pause"},
        {"collector": "agreement", "threshold": 0.6, "action": "extra_reviews", "n": 20},
    ]
    answer = demo.api.put(f"/manage/v1/projects/{project}/rules", json={"rules": rules})
    assert answer.status_code == 200, answer.text
    email, word = demo.logins["annotator"]
    people = demo.call("/users")["users"]
    person = next(one["user_id"] for one in people if one["email"] == email)
    demo.call(f"/projects/{project}/pauses", {"user_id": person, "reason": "Talk to me first."})
    with httpx2.Client(base_url=demo.url, headers={"Origin": demo.url}) as client:
        token = token_in(client.get("/sign-in", headers={"Accept": "text/html"}))
        client.post("/sign-in", data={"csrf": token, "email": email, "password": word})
        queue = f"/work/{project}"
        token = token_in(client.get(queue, headers={"Accept": "text/html"}))
        said = {"csrf": token, "text": "I was on holiday, and read the new guidelines today."}
        assert client.post(f"{queue}/appeal", data=said).status_code == 303


def furnish_test(demo: Stage) -> None:
    """A project whose test its annotator is to take."""
    project = demo.call("/projects", {"name": "With a test"})["id"]
    demo.made["tested_project"] = project
    settings = {"settings": {"training": 2, "test": 5}}
    answer = demo.api.put(f"/manage/v1/projects/{project}/qualification", json=settings)
    assert answer.status_code == 200, answer.text


def take(client: httpx2.Client, project_id: str) -> str:
    """Take a task for whoever is signed in; where its page is."""
    queue = f"/work/{project_id}"
    token = token_in(client.get(queue, headers={"Accept": "text/html"}))
    taken = client.post(queue, data={"csrf": token})
    assert taken.status_code == 303, taken.text
    return str(taken.headers["location"])


def hand_in(client: httpx2.Client, at: str, verb: str, **body: Any) -> None:
    """What a task's page sends about it."""
    page = client.get(at, headers={"Accept": "text/html"})
    if verb == "submit":
        body["active_ms"] = 1000
    answer = client.post(
        f"{at}/{verb}",
        json={"lease_version": state_of(page.text)["lease_version"]} | body,
        headers={"X-CSRF-Token": token_in(page), "Accept": "application/json"},
    )
    assert answer.status_code == 200, answer.text
