"""Lists of tasks say what each is about, to managers and to those who work on them."""

from __future__ import annotations

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
