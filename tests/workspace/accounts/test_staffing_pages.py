"""Pages of staffing: nobody meets a project that is not theirs, and studies begin and end."""

from __future__ import annotations

import re

import pytest

from plaudit import app
from plaudit.model.core import PersonRole
from plaudit.workspace.http.page import ANYONE
from tests.support.pages.browser_client import add_person, browsing, signed_in
from tests.support.staffing.staffed_project import StaffedProject

OF_PROJECTS = [page for page in app.all_pages() if "{project_id}" in page.path]


def words(browser, path):
    page = browser.get(path)
    assert page.status_code == 200, (path, page.text)
    return " ".join(re.sub(r"<[^>]+>", " ", page.text.split("<main")[1]).split())


def filled(page, project_id):
    path = page.path.replace("{project_id}", project_id)
    return re.sub(r"\{\w+\}", "x", path)


@pytest.fixture
def hidden(world):
    """A project that members alone see, with work in it, and one that is open."""
    StaffedProject(world, "Open one").create()
    staffed = StaffedProject(world, "Canary hidden", review="all")
    staffed.access(members_only=True)
    staffed.create(2)
    return staffed


@pytest.mark.parametrize("role", ["annotator", "reviewer", "guest"])
def test_no_page_of_a_hidden_project_differs_from_that_of_none(world, hidden, role):
    """Every page and every form of a page, for everybody who does not belong to the project."""
    person = add_person(world, "annotator" if role == "guest" else role)
    if role == "guest":
        make_guest(world, person)
    with signed_in(world, person) as browser:
        browser.get("/account")
        for page in OF_PROJECTS:
            found = [
                ask(browser, page, filled(page, project_id))
                for project_id in (hidden.project.project_id, "project_that_is_not")
            ]
            assert found[0] == found[1], page.page_id
            assert found[0] in (400, 403, 404, 415), page.page_id


def ask(browser, page, path):
    if page.method == "GET":
        return browser.get(path).status_code
    if page.body is not None:
        return browser.send(path, {}).status_code
    if page.streams is not None:
        return browser.upload(path, b"x").status_code
    return browser.post(path, {}).status_code


def make_guest(world, person):
    sql = "UPDATE person SET is_guest = 1 WHERE user_id = :user_id"
    world.run(world.db.write(lambda tx: tx.run(sql, {"user_id": person.user_id})))


@pytest.mark.parametrize("role", ["annotator", "reviewer"])
def test_no_list_names_a_hidden_project_until_one_belongs_to_it(world, hidden, role):
    person = add_person(world, role)
    lists = ["/work", "/my-work", "/find?q=canary"] + (["/review"] if role == "reviewer" else [])
    hidden.submit(hidden.take(hidden.person("Boss", PersonRole.manager)))
    with signed_in(world, person) as browser:
        for path in lists:
            assert "Canary" not in browser.get(path).text, path

        hidden.member(person.user_id, PersonRole(role))

        seen = [path for path in lists if "Canary" in browser.get(path).text]
        assert seen == [path for path in lists if path != "/my-work"]


def test_a_guest_sees_no_open_project(world, hidden):
    person = add_person(world, "annotator")
    make_guest(world, person)
    with signed_in(world, person) as browser:
        assert "Open one" in words_of_member(browser, hidden, person)


def words_of_member(browser, hidden, person):
    assert "Open one" not in browser.get("/work").text
    assert "Open one" not in browser.get("/find?q=open").text
    hidden.member(person.user_id)
    assert "Canary hidden" in browser.get("/work").text
    return "Open one" if "Open one" not in browser.get("/work").text else ""


def test_a_role_in_one_project_opens_its_pages_and_no_others(world, hidden):
    person = add_person(world, "annotator")
    hidden.member(person.user_id, PersonRole.manager)
    other = StaffedProject(world, "Another")
    with signed_in(world, person) as browser:
        assert "Canary hidden" in words(browser, "/projects")
        assert "Another" not in browser.get("/projects").text
        people = words(browser, f"/projects/{hidden.project.project_id}/people")
        assert "Members only" in people
        assert browser.get(f"/projects/{other.project.project_id}").status_code == 403
        for path in ("/new-project", "/import", "/people", "/teams", "/archive"):
            assert browser.get(path).status_code == 403, path


def test_the_lowest_role_in_a_project_is_all_that_a_reviewer_has_there(world, hidden):
    person = add_person(world, "reviewer")
    hidden.member(person.user_id, PersonRole.annotator)
    with signed_in(world, person) as browser:
        assert browser.get(f"/work/{hidden.project.project_id}").status_code == 200
        assert browser.get(f"/review/{hidden.project.project_id}").status_code == 403


def test_a_manager_adds_changes_and_takes_out_members_on_the_page(world, hidden):
    boss, ana = add_person(world, "manager"), add_person(world, "annotator")
    path = f"/projects/{hidden.project.project_id}/people"
    with signed_in(world, boss) as browser:
        assert "Nobody yet" in words(browser, path)
        refused = browser.post(path, {"who": "nobody@example.com", "role": "annotator"})
        assert refused.status_code == 400
        assert "nobody has this address" in refused.text.lower()
        browser.get(path)
        added = browser.post(path, {"who": ana.email.upper(), "role": "reviewer"}, follow=True)
        assert ana.email in added.text
        quota = {"role": "annotator", "tasks_per_day": "1", "tasks_in_all": ""}
        browser.post(f"{path}/{ana.user_id}", quota, follow=True)
        with signed_in(world, ana) as own:
            queue = f"/work/{hidden.project.project_id}"
            assert "You can take 1 more task." in words(own, queue)
            own.post(queue)
            assert "Your quota is used up" in words(own, queue)

        browser.get(path)
        browser.post(f"{path}/{ana.user_id}/remove", follow=True)

    assert hidden.waiting(ana.user_id) == 2
    assert hidden.violations() == {}


def test_the_page_says_what_waiting_tasks_ask_for_and_who_can_do_them(world):
    staffed = StaffedProject(world, "Poems")
    boss, ana = add_person(world, "manager"), staffed.person("Ana")
    staffed.ask(2, languages=["es"], tags=["law"])
    staffed.ask(1, people=[ana])
    with signed_in(world, boss) as browser:
        told = words(browser, f"/projects/{staffed.project.project_id}/people")

    assert "es law 2 nobody Ana 1 1" in told


def test_a_team_is_made_filled_and_handed_a_batch_on_the_pages(world):
    staffed = StaffedProject(world, "Poems")
    batch = staffed.batch("Sonnets")
    staffed.create(batch=batch)
    boss, ana = add_person(world, "manager"), add_person(world, "annotator", email="a@example.com")
    ben = add_person(world, "annotator", email="b@example.com")
    people = f"/projects/{staffed.project.project_id}/people"
    with signed_in(world, boss) as browser:
        browser.get("/teams")
        browser.post("/teams", {"name": "Poets"}, follow=True)
        team_path = browser.page.url.path
        browser.post(f"{team_path}/people", {"login": ana.email}, follow=True)
        assert ana.email in browser.page.text
        browser.get(people)
        chosen = {"batch_id": batch.batch_id, "team_id": team_path.rpartition("/")[2]}
        browser.post(f"{people}/batch", chosen, follow=True)
        assert "Sonnets : Poets" in words(browser, people)
        browser.get("/skills?login=a@example.com")
        browser.post("/skills", {"login": ana.email, "languages": "es, pt-BR", "tags": "Law"})
    with signed_in(world, ana) as own:
        assert "es pt-br law" in words(own, "/account")

    assert (staffed.waiting(ana.user_id), staffed.waiting(ben.user_id)) == (1, 0)


def test_a_quota_that_is_used_up_is_told_in_the_pages_language(world, hidden):
    ana = add_person(world, "annotator")
    hidden.member(ana.user_id, per_day=1)
    queue = f"/work/{hidden.project.project_id}"
    with signed_in(world, ana) as browser:
        browser.get(queue, accept_language="de")
        browser.post(queue, accept_language="de")
        browser.post(queue, accept_language="de")
        told = browser.get(queue, accept_language="de").text

        assert "Die Aufgaben von heute sind erledigt" in told


@pytest.fixture
def study(world):
    """A project with a study of two tasks, and the address that participants open."""
    staffed = StaffedProject(world, "Study of eggs")
    StaffedProject(world, "Open one").create()
    staffed.create(9)
    boss = add_person(world, "manager")
    with signed_in(world, boss) as browser:
        browser.get(f"/projects/{staffed.project.project_id}/people")
        wanted = {
            "name": "Pilot",
            "tasks": "2",
            "people_max": "2",
            "days": "3",
            "completion_code": "DONE-42",
            "completion_url": "https://app.prolific.com/submissions/complete?cc=DONE-42",
        }
        made = browser.post(f"/projects/{staffed.project.project_id}/studies", wanted)
    token = re.search(r"/study/([\w-]+)\?PROLIFIC_PID=", made.text)[1]
    return staffed, f"/study/{token}"


def begin(browser, address, pid, session="s-1"):
    page = browser.get(f"{address}?PROLIFIC_PID={pid}&STUDY_ID=x&SESSION_ID={session}")
    if page.status_code != 200:
        return page
    return browser.post(address, {"participant": pid, "session": session})


def test_a_participant_works_by_the_link_and_leaves_with_the_code(world, study):
    staffed, address = study
    queue = f"/work/{staffed.project.project_id}"
    with browsing(world) as browser:
        entered = begin(browser, address, "p-1")
        assert (entered.status_code, entered.headers["location"]) == (303, queue)
        assert "0 of 2 tasks done" in words(browser, queue)
        home = browser.get("/work").text
        assert "Study of eggs" in home
        assert "Open one" not in home
        user_id = participant_of(world)
        for _ in range(2):
            assert "DONE-42" not in browser.get(queue).text
            staffed.next_id(user_id)
        done = browser.get(queue).text

    assert "DONE-42" in done
    assert 'href="https://app.prolific.com/submissions/complete?cc=DONE-42"' in done


def participant_of(world):
    sql = "SELECT user_id FROM study_person ORDER BY came_ms DESC LIMIT 1"
    [[user_id]] = world.run(world.db.write(lambda tx: tx.all(sql, {})))
    return user_id


def test_a_participants_language_is_kept_for_the_next_browser(world, study):
    _, address = study
    with browsing(world) as browser:
        browser.get("/sign-in")
        browser.post("/language", {"language": "de", "next": "/sign-in"})
        begin(browser, address, "p-1", "secret-session")
    with browsing(world) as another:
        begin(another, address, "p-1", "secret-session")
        page = another.get("/work", accept_language="es").text

    assert '<html lang="de"' in page


def test_naming_somebodys_id_opens_their_account_to_nobody_else(world, study):
    _, address = study
    with browsing(world) as browser:
        begin(browser, address, "p-1", "secret-session")
        first = participant_of(world)
        assert begin(browser, address, "p-1", "").status_code == 303
    for session in ("", "guessed"):
        with browsing(world) as stranger:
            refused = begin(stranger, address, "p-1", session)
            assert refused.status_code == 403, session
            assert stranger.get("/account", follow=False).status_code == 303
    with browsing(world) as again:
        assert begin(again, address, "p-1", "secret-session").status_code == 303
        assert again.get("/work").status_code == 200
    assert participant_of(world) == first


def test_without_a_session_id_only_the_same_browser_comes_in_again(world, study):
    _, address = study
    with browsing(world) as browser:
        begin(browser, address, "p-1", "")
        assert begin(browser, address, "p-1", "").status_code == 303
    with browsing(world) as other:
        assert begin(other, address, "p-1", "").status_code == 403


def test_a_link_takes_so_many_people_and_none_once_it_is_revoked(world, study):
    staffed, address = study
    boss = add_person(world, "manager", email="boss2@example.com")
    with browsing(world) as first, browsing(world) as second, browsing(world) as third:
        assert begin(first, address, "p-1").status_code == 303
        assert begin(second, address, "p-2").status_code == 303
        assert begin(third, address, "p-3").status_code == 404
        first.post(f"/work/{staffed.project.project_id}", token=token_of(first))
        with signed_in(world, boss) as browser:
            people = browser.get(f"/projects/{staffed.project.project_id}/people").text
            [revoke] = re.findall(r'action="([^"]+/revoke)"', people)
            browser.post(revoke)

        assert first.get("/account", follow=False).status_code == 303
        assert begin(second, address, "p-2").status_code == 404
        over = second.get(address, accept_language="es").text
        assert "Este estudio ha terminado" in over
    assert staffed.violations() == {}
    assert staffed.waiting(participant_of(world)) == 9


def token_of(browser):
    browser.get("/account")
    return browser.token


def test_who_is_signed_in_does_not_become_a_participant_by_a_link(world, study):
    _, address = study
    person = add_person(world, "annotator")
    with signed_in(world, person) as browser:
        page = browser.get(f"{address}?PROLIFIC_PID=p-1&SESSION_ID=s")
        refused = browser.post(address, {"participant": "p-1", "session": "s"})

    assert "private window" in page.text
    assert refused.status_code == 409


def test_somebody_with_a_user_name_signs_in_with_it(world):
    admin = add_person(world, "admin")
    with signed_in(world, admin) as browser:
        browser.get("/people")
        invited = browser.post("/people", {"email": "Crowd.7", "role": "annotator"})
        token = re.search(r"/welcome#([\w-]+)", invited.text)[1]
        twin = browser.post("/people", {"email": "crowd.7", "role": "annotator"})
    with browsing(world) as browser:
        browser.get("/welcome")
        password = "nine quiet copper lamps"
        browser.post("/welcome", {"token": token, "password": password})
        browser.post("/sign-out", token=token_of(browser))
        browser.get("/sign-in")
        entered = browser.post("/sign-in", {"email": "CROWD.7", "password": password})

    assert twin.status_code == 409
    assert entered.headers["location"] == "/work"


def test_every_page_of_a_project_asks_for_a_role():
    assert all(page.role != ANYONE for page in OF_PROJECTS)
    assert len(OF_PROJECTS) > 60
