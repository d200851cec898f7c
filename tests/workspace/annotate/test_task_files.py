"""Files of tasks: shown in place, and opened by whoever may see the task, by nobody else."""

from __future__ import annotations

import re
from typing import Any

import pytest

from plaudit.core.accounts import project_members
from plaudit.core.staffing.quotas import NO_QUOTA
from plaudit.model.core import PersonRole
from tests.support.annotators import make_content
from tests.support.app_client import AppClient
from tests.support.harness import World, both_engines

pytestmark = both_engines

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
WAV = b"RIFF\x00\x00\x00\x00WAVEfmt " + bytes(20)


def upload(client: AppClient, key: str, content: bytes, name: str, kind: str) -> str:
    """Keep a file; the URL under which tasks may name it."""
    answer = client.post(
        f"/manage/v1/attachments?name={name}",
        content=content,
        headers={"Authorization": f"Bearer {key}", "Content-Type": kind},
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["url"])


def id_of(url: str) -> str:
    return url.rpartition("/")[2]


def path_in(page: str, url: str) -> str:
    """The path under which a page shows a file."""
    [path] = set(re.findall(rf'"(/files/[^"/]+/{id_of(url)}/[0-9a-f]+)"', page))
    return str(path)


def content_with(*urls: str) -> list[Any]:
    """A conversation whose first response has pictures in its text."""
    return make_content("Look: " + " ".join(f"![a cat]({url})" for url in urls))


@pytest.fixture
def urls(world: World, client: AppClient) -> dict[str, str]:
    """Files that the organization keeps, by name."""
    key = world.key(role="write")
    kept = (("cat.png", PNG, "image/png"), ("say.wav", WAV, "audio/wav"),
            ("page.html", b"<script>", "text/html"))  # fmt: skip
    return {name: upload(client, key, content, name, kind) for name, content, kind in kept}


def test_files_of_our_own_are_shown_in_place_and_others_are_links(team, ann, urls):
    content = content_with(urls["cat.png"])
    content[0]["turns"][1]["messages"][1]["content"]["attachments"] = [
        {"name": "there.png", "mime_type": "image/png", "url": "https://other.example/there.png"},
        {"name": "none.png", "mime_type": "image/png", "url": urls["cat.png"] + "0"},
        *({"name": name, "url": url} for name, url in urls.items()),
    ]
    team.add(content)
    ann.take()

    page = ann.get(ann.at).text
    paths = {name: path_in(page, url) for name, url in urls.items()}

    assert page.count(f'<img src="{paths["cat.png"]}"') == 2
    assert f'<img src="{paths["cat.png"]}" alt="a cat" class="attachment"' in page
    assert f'src="{paths["say.wav"]}"></audio>' in page
    assert f'<a class="file chip" href="{paths["page.html"]}"' in page
    assert '<img src="https://other' not in page
    assert 'rel="noopener noreferrer nofollow"><bdi>there.png' in page
    assert '<img src="/manage' not in page


def test_a_file_opens_for_whoever_was_shown_its_task_alone(team, ann, urls, client):
    team.add(content_with(urls["cat.png"]))
    ann.take()
    path = path_in(ann.get(ann.at).text, urls["cat.png"])
    bob = team.worker(client, "Bob")
    project_id, attachment_id, seal = path.split("/")[2:]
    say = id_of(urls["say.wav"])
    hostile = (
        f"/files/{attachment_id}",
        f"/files/{project_id}/{attachment_id}",
        f"/files/{project_id}/{attachment_id}/{seal[:-1]}",
        f"/files/{project_id}/{attachment_id}/{seal.upper()}é",
        f"/files/{project_id}/{attachment_id}/{'0' * 32}",
        f"/files/{project_id}/{say}/{seal}",
        f"/files/{project_id}/absent/{seal}",
        f"/files/absent/{attachment_id}/{seal}",
    )

    led = ann.get(path)
    stranger = client.get(path, headers={"Accept": "text/html"}, follow_redirects=False)

    assert (led.status_code, client.get(led.headers["location"]).content) == (302, PNG)
    assert stranger.headers["location"].startswith("/sign-in")
    assert bob.get(path).status_code == 404
    assert {ann.get(one).status_code for one in hostile} == {404}


def test_a_file_is_of_its_organization_though_another_one_has_a_task_that_names_it(
    world, team, ann, client
):
    world.org("Other")
    foreign = upload(client, world.key(org="Other", role="write"), PNG, "b.png", "image/png")
    team.add(content_with(foreign))
    ann.take()

    assert "/files/" not in ann.get(ann.at).text


def test_reviewers_and_managers_open_files_from_their_own_pages(team, ann, urls, client):
    [task_id] = team.add(content_with(urls["cat.png"]))
    ann.take()
    own = path_in(ann.get(ann.at).text, urls["cat.png"])

    for role, room in (("reviewer", "review"), ("manager", "projects")):
        one = team.worker(client, role.title(), role=PersonRole(role))
        page = one.get(f"/{room}/{team.project.project_id}/tasks/{task_id}").text
        path = path_in(page, urls["cat.png"])

        assert path != own
        assert one.get(path).status_code == 302
        assert (ann.get(path).status_code, one.get(own).status_code) == (404, 404)


def test_who_does_not_see_the_project_any_more_opens_none_of_its_files(world, team, urls, client):
    team.add(content_with(urls["cat.png"]))
    gus = team.worker(client, "Gus")
    gus.take()
    path = path_in(gus.get(gus.at).text, urls["cat.png"])
    assert gus.get(path).status_code == 302

    async def keep_to_members(tx: Any) -> None:
        await project_members.set_access(tx, team.project, is_members_only=True, quota=NO_QUOTA)

    team.write(keep_to_members)

    assert gus.get(path).status_code == 404


def test_a_text_that_somebody_writes_shows_files_of_the_own_task_alone(team, ann, urls):
    team.add(content_with(urls["cat.png"]))
    ann.take()
    own = path_in(ann.get(ann.at).text, urls["cat.png"])

    drawn = ann.call("preview", text=f"![]({urls['cat.png']}) and ![]({urls['say.wav']})").text

    assert f'src="{own}"' in drawn
    assert drawn.count("/files/") == 1
