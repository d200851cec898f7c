"""Where people annotate in tests: a project with tasks, people signed in, their requests."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from plaudit.core.accounts import sessions, users
from plaudit.core.tasks import lifecycle
from plaudit.core.tasks.projects import create_project
from plaudit.model.core import BatchRow, PersonRole, PersonStatus, ProjectRow
from plaudit.store.accounts import organizations
from plaudit.wire.v2.parse import convert
from plaudit.wire.v2.resources import ProjectDetail
from plaudit.wire.v2.task import Thread
from plaudit.workspace.http import form_tokens
from tests.support.app_client import AppClient
from tests.support.builders import make_message, make_turn
from tests.support.harness import World

SECRETS = ("zeta-model-9", "omega-model-7", "sourcecanary", "temperaturecanary", "metacanary")
"""What only the store may know of a task in a blind project: parts of names, ids and settings."""


def make_content(*texts: str, prompt: str = "How do I boil an egg?") -> list[Any]:
    """A prepared conversation: a turn that led here, then a prompt with a response of each text."""
    texts = texts or ("Put it into **boiling** water.", "Use a kettle and 7 minutes.")
    earlier = make_turn(
        "turn_sourcecanary",
        [
            make_message("user", "Hello!"),
            make_message("sourcecanary-1", "Hi, how can I help?"),
        ],
    )
    names = ("zeta-model-9", "omega-model-7", "sourcecanary-3", "sourcecanary-4")
    asked = make_turn(
        "turn_1",
        [
            make_message("user", prompt),
            *(
                make_message(
                    name,
                    text,
                    model_parameters={"model": f"{name}-temperaturecanary", "temperature": 0.25},
                )
                for name, text in zip(names, texts, strict=False)
            ),
        ],
    )
    return [{"id": "thread_sourcecanary", "turns": [earlier, asked], "annotations": []}]


class AnnotationTeam:
    """A project of the organization "default" on which people work."""

    def __init__(self, world: World, name: str = "Eggs", **detail: Any) -> None:
        self.world, self.environment_id = world, world.org()
        settings = ProjectDetail(**({"types": ["RLHF: Pref Ranking"]} | detail))
        self.project: ProjectRow = self.write(
            lambda tx: create_project(tx, self.environment_id, name=name, detail=settings)
        )
        self.path = f"/work/{self.project.project_id}"

    def write(self, work: Any) -> Any:
        return self.world.run(self.world.db.write(work))

    def add(
        self, content: list[Any] | None = None, count: int = 1, batch: BatchRow | None = None
    ) -> list[str]:
        """Add tasks; their ids."""
        threads: list[Thread] = convert(content or make_content(), list[Thread])

        async def run(tx: Any) -> list[str]:
            return [
                (
                    await lifecycle.create_task(
                        tx,
                        self.project,
                        batch=batch,
                        content=threads,
                        metadata={"origin": "metacanary"},
                    )
                ).task_id
                for _ in range(count)
            ]

        found: list[str] = self.write(run)
        return found

    def person(self, name: str = "Ann", role: PersonRole = PersonRole.annotator) -> str:
        """Somebody who is signed in; what their session's cookie holds."""

        async def run(tx: Any) -> str:
            account = await organizations.find_organization(tx, self.environment_id)
            assert account is not None
            organization_id = account[0]
            one = await users.invite(
                tx, organization_id, email=f"{name.lower()}@example.org", name=name, role=role
            )
            await users.change(tx, organization_id, one.user_id, {"status": PersonStatus.active})
            return await sessions.start_session(
                tx,
                self.world.secret,
                organization_id=organization_id,
                user_id=one.user_id,
                agent="test",
            )

        token: str = self.write(run)
        return token

    def worker(self, client: AppClient, name: str = "Ann", **kwargs: Any) -> Worker:
        """Somebody who works by requests of their own."""
        return Worker(self, client, self.person(name, **kwargs))


class Worker:
    """A person at the pages of a team, without a browser."""

    def __init__(self, team: AnnotationTeam, client: AppClient, token: str) -> None:
        self.team, self.client, self.token = team, client, token
        self.csrf = form_tokens.mask(team.world.secret.form_tokens(token)[0])
        self.at = ""

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers=self._headers() | headers, follow_redirects=False)

    def form(self, path: str, **fields: str) -> Any:
        """Press the button of a form."""
        return self.client.post(
            path,
            data={"csrf": self.csrf} | fields,
            headers=self._headers(),
            follow_redirects=False,
        )

    def call(self, verb: str, **body: Any) -> Any:
        """What the page's own script sends, about the task that is open."""
        return self.send(verb, msgspec.json.encode(body))

    def send(self, verb: str, body: bytes) -> Any:
        """JSON as it goes over the wire."""
        headers = self._headers() | {
            "X-CSRF-Token": self.csrf,
            "Accept": "application/json",
            "Content-Type": "application/json",
        }
        return self.client.post(f"{self.at}/{verb}", content=body, headers=headers)

    def take(self) -> dict[str, Any]:
        """Take the next task and open it; the state its page starts from."""
        answer = self.form(self.team.path)
        assert answer.status_code == 303, answer.text
        self.at = answer.headers["location"]
        return self.state()

    def state(self) -> dict[str, Any]:
        page = self.get(self.at)
        assert page.status_code == 200, page.text
        return state_of(page.text)

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": "",
            "Cookie": f"__Host-plaudit={self.token}",
            "Origin": "http://testserver",
            "Accept": "text/html,application/json",
        }


def state_of(page: str) -> dict[str, Any]:
    """What the page's scripts start from."""
    found = re.search(r'data-task="([^"]*)"', page)
    assert found is not None
    text = found[1]
    for name, char in (
        ("&#34;", '"'),
        ("&#39;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ):
        text = text.replace(name, char)
    state: dict[str, Any] = msgspec.json.decode(text)
    return state


def good_answers(likert: int = 2, at: str = "t0u1") -> list[dict[str, Any]]:
    """All that the default form requires, about two responses."""
    graded = ("instruction_following", "truthfulness", "conciseness", "format", "safety")
    found: list[dict[str, Any]] = [
        {"at": at, "position": position, "key": key, "value": 3}
        for position in (1, 2)
        for key in graded
    ]
    found += [{"at": at, "position": p, "key": "overall", "value": 5 - p} for p in (1, 2)]
    found.append({"at": at, "key": "likert_value", "value": likert})
    found.append(
        {"at": at, "key": "justification", "value": "@Response 1 is better than @Response 2."}
    )
    return found
