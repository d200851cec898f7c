"""Lists of tasks say what each is about, to managers and to those who work on them."""

from __future__ import annotations

import re

from plaudit.model.core import PersonRole
from tests.support.annotators import AnnotationTeam, make_content
from tests.support.app_client import AppClient
from tests.support.builders import make_message, make_thread, make_turn
from tests.support.harness import World, both_engines
from tests.support.pages.visible_text import visible_text

pytestmark = both_engines


PROMPT = "Is <b>this</b> right? " + "word " * 100


def asking(prompt: str) -> list[object]:
    messages = [make_message("system", "Be kind.", role="system"), make_message("user", prompt)]
    return [make_thread(turns=[make_turn(messages=[*messages, make_message("a")])])]


def test_a_manager_sees_the_beginning_of_each_prompt(world: World, client: AppClient):
    team = AnnotationTeam(world)
    ids = [*team.add(asking(PROMPT)), *team.add(asking("Why?")), *team.add(make_content())]
    mia = team.worker(client, "Mia", role=PersonRole.manager)
    path = f"/projects/{team.project.project_id}/tasks"

    page = mia.get(path).text
    found = mia.get(f"{path}?q={ids[1]}").text

    text = visible_text(page)
    assert "Is <b>this</b> right? word" in text
    assert "word " * 30 not in text
    assert text.index("Is <b>this") < text.index("Why?") < text.index("Hello!")
    assert "Why?" in visible_text(found)
    assert "Be kind." not in text


def test_a_person_sees_what_the_tasks_in_hand_are_about(world: World, client: AppClient):
    team = AnnotationTeam(world)
    team.add(asking(PROMPT))
    ann = team.worker(client)
    ann.take()

    text = visible_text(ann.get(team.path).text)

    assert "Is <b>this</b> right? word" in text


def test_the_page_of_a_task_is_headed_by_its_prompt_with_the_id_small_beside_it(
    world: World, client: AppClient
):
    team = AnnotationTeam(world)
    (task_id,) = team.add(asking(PROMPT))
    mia = team.worker(client, "Mia", role=PersonRole.manager)
    path = f"/projects/{team.project.project_id}/tasks/{task_id}"

    pages = {name: mia.get(f"{path}{name}").text for name in ("", "/turns", "/gold")}

    for page in pages.values():
        main = page[page.index("<main") :]
        assert "Is &lt;b&gt;this&lt;/b&gt; right? word" in main[: main.index('class="panel')]
    heading = pages[""].partition("<h2")[2].partition("</h2>")[0]
    assert task_id not in heading
    assert re.search(rf"<code[^>]*>{task_id}</code> <button[^>]+data-copy", pages[""])
    assert re.search(r"<title>Is &lt;b&gt;this&lt;/b&gt; right\? [^<]{,60} · ", pages[""])


def test_a_task_whose_content_was_reported_is_not_headed_by_it(world: World, client: AppClient):
    team = AnnotationTeam(world)
    (task_id,) = team.add(asking(PROMPT))
    ann = team.worker(client)
    version = ann.take()["lease_version"]
    ann.call("report", lease_version=version, reason="harmful", note="It is cruel.")
    mia = team.worker(client, "Mia", role=PersonRole.manager)

    page = mia.get(f"/projects/{team.project.project_id}/tasks/{task_id}").text

    assert "right?" not in page.partition("<h2")[2].partition("</h2>")[0]
