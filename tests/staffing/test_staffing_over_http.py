"""Requirements and members over the APIs, and nothing of them by a session."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.harness import on_sqlite_alone
from tests.support.pages.browser_client import add_person, signed_in
from tests.support.staffing.staffed_project import StaffedProject

pytestmark = on_sqlite_alone


@pytest.fixture
def staffed(world):
    return StaffedProject(
        world, "Asked", template={"messages": [{"role": "user", "text": "{{q}}"}]}
    )


def requires(**asked):
    return {"plaudit_requires": asked}


def test_a_task_says_in_its_metadata_what_it_asks_over_every_way_in(world, staffed):
    ana, ben = staffed.person("Ana"), staffed.person("Ben")
    staffed.skills(ana, languages=["es"])
    metadata = requires(languages=["es"])
    project_id = staffed.project.project_id
    with world.client(world.key()) as client:
        made = client.post(
            "/v2/task/chat",
            json={
                "project_id": project_id,
                "template_variables": {"q": "Why?"},
                "metadata": metadata,
            },
        )
        assert made.status_code == 200, made.text
        assert made.json()["metadata"] == metadata
        lines = [
            {"template_variables": {"q": "How?"}, "metadata": metadata},
            {"template_variables": {"q": "Who?"}, "metadata": requires(languages="es")},
        ]
        sent = client.post(
            f"/manage/v1/projects/{project_id}/tasks",
            content=b"\n".join(map(msgspec.json.encode, lines)),
        ).json()

    assert (sent["created"], sent["rejected"]) == (1, 1)
    assert sent["results"][-1]["pointer"] == "/metadata/plaudit_requires"
    assert (staffed.waiting(ana), staffed.waiting(ben)) == (2, 0)


def test_a_task_that_asks_wrongly_is_refused_where_it_says_so(world, staffed):
    with world.client(world.key()) as client:
        refused = client.post(
            "/v2/task/chat",
            json={
                "project_id": staffed.project.project_id,
                "template_variables": {"q": "Why?"},
                "metadata": requires(tags=["a,b"]),
            },
        )

    assert refused.status_code == 400
    assert refused.json()["pointer"] == "/metadata/plaudit_requires/tags"


def test_an_imported_task_that_asks_wrongly_is_a_row_that_is_refused(world):
    task = {
        "task_id": "t",
        "status": "pending",
        "threads": [],
        "metadata": {"plaudit_requires": {"people": "ana"}},
    }

    summary, rejects = world.load([task], project="Named")[:2]

    assert len(rejects) == 1, summary


def test_the_whole_of_it_is_set_up_over_the_management_api(world, staffed):
    ana, ben = staffed.person("Ana"), staffed.person("Ben")
    batch = staffed.batch()
    [task_id] = staffed.create(batch=batch)
    project = f"/projects/{staffed.project.project_id}"
    with world.client(world.key()) as client:

        def ask(method, path, body=None):
            answer = client.request(method, f"/manage/v1{path}", json=body)
            assert answer.status_code == 200, answer.text
            return answer.json()

        team = ask("POST", "/teams", {"name": "Poets"})["team_id"]
        ask("POST", f"/teams/{team}/people", {"user_ids": [ana, ben]})
        ask("PUT", f"{project}/access", {"members_only": True, "tasks_per_day": 4})
        ask("PUT", f"{project}/members/{team}", {"role": "annotator", "tasks_per_day": 2})
        ask("PUT", f"/batches/{batch.batch_id}/team", {"team_id": team})
        ask("PUT", f"/tasks/{task_id}/requirement", {"tags": ["Law"]})
        ask("PUT", f"/users/{ana}/skills", {"tags": ["law"]})

        assert ask("GET", f"/tasks/{task_id}/requirement")["tags"] == ["law"]
        assert ask("GET", f"/teams/{team}")["user_ids"] == sorted([ana, ben])
        [member] = ask("GET", f"{project}/members")["members"]
        assert (member["kind"], member["name"], member["tasks_per_day"]) == ("team", "Poets", 2)
        unknown = client.put(f"/manage/v1{project}/members/nobody", json={})
        too_many = client.put(f"/manage/v1{project}/access", json={"tasks_per_day": 0})
        ask("DELETE", f"/teams/{team}/people/{ben}")

    assert (unknown.status_code, too_many.status_code) == (404, 400)
    assert too_many.json()["pointer"] == "/tasks_per_day"
    assert (staffed.waiting(ana), staffed.use(ana).left) == (1, 2)


def test_a_user_without_an_address_is_made_over_the_api(world):
    with world.client(world.key()) as client:
        body = {"user_name": "crowd.7", "role": "annotator", "guest": True}
        made = client.post("/manage/v1/users", json=body).json()
        both = client.post("/manage/v1/users", json=body | {"email": "a@example.com"})
        none = client.post("/manage/v1/users", json={"role": "annotator"})
        boss = client.post("/manage/v1/users", json=body | {"user_name": "c.8", "role": "admin"})
        raised = client.patch(f"/manage/v1/users/{made['user_id']}", json={"role": "manager"})

    assert (made["user_name"], made["guest"], "email" in made) == ("crowd.7", True, False)
    assert [one.status_code for one in (both, none, boss, raised)] == [400] * 4


def test_a_session_opens_no_operation_of_the_api(world, staffed):
    admin = add_person(world, "admin")
    with signed_in(world, admin) as browser:
        for path in ("/users", "/teams", f"/projects/{staffed.project.project_id}/members"):
            assert browser.get(f"/manage/v1{path}").status_code == 401, path
        assert browser.get("/v2/projects").status_code == 401
