"""Pages of messages about a task: from an annotator to managers and back, and who sees nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from plaudit.core.managing import talks
from tests.support.harness import World
from tests.support.labeling_project import LabelingProject
from tests.support.pages.browser_client import Browser, Somebody, add_person, signed_in
from tests.support.pages.manager_pages import entries
from tests.workspace.http.test_pages import HOSTILE


@pytest.fixture
def labeling(world: World) -> LabelingProject:
    labeling = LabelingProject(world)
    labeling.first_id = labeling.create(2)[0]
    return labeling


@pytest.fixture
def ann(world: World) -> Somebody:
    return add_person(world, name="Ann", email="ann@example.com")


@pytest.fixture
def mia(world: World) -> Iterator[Browser]:
    """The browser of a reviewer."""
    with signed_in(world, add_person(world, "manager", name="Mia")) as browser:
        yield browser


def words(text: str) -> str:
    """What a page says, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_a_question_about_a_task_is_asked_seen_answered_and_read(labeling, ann, mia):
    lease = labeling.take(ann.user_id)
    work = f"/work/{labeling.project.project_id}"
    task = f"{work}/tasks/{lease.assignment_id}"
    managed = f"/projects/{labeling.project.project_id}"
    with signed_in(labeling.world, ann) as browser:
        assert f"{task}/messages" in browser.get(task).text
        assert "Nobody else reads it" in browser.get(f"{task}/messages").text
        asked = browser.post(f"{task}/messages", {"text": "Which date?", "seen": "0"}, follow=True)
        assert "Which date?" in asked.text

        assert "1 unread talk in Floor" in words(mia.get("/work").text)
        inbox = mia.get(f"{managed}/messages").text
        assert "Which date?" in inbox
        assert "Ann" in inbox
        talk = f"{managed}/messages/{lease.assignment_id}"
        assert talk in inbox
        one = f"{managed}/tasks/{labeling.first_id}"
        assert "Which date?" in mia.get(one).text
        answered = mia.post(talk, {"text": "The later one.", "seen": "1"}, follow=True)
        assert "Mark as read" not in answered.text
        assert "Nothing unread" in mia.get(f"{managed}/messages").text
        assert "The later one." in mia.get(f"{managed}/messages?show=all").text

        assert "A manager wrote to you in Floor" in words(browser.get("/work").text)
        assert "Messages for you" in browser.get(work).text
        assert "Somebody wrote to you" in browser.get(task).text
        page = browser.get(f"{task}/messages").text
        assert "Mia" in page
        back = browser.post(f"{task}/messages/read", {"until": "2"}, follow=True)
        assert back.url.path == task
        assert "Somebody wrote to you" not in back.text
        assert "Messages for you" not in browser.get(work).text
    assert [(one.action, one.object_kind) for one in entries(labeling.world)] == [
        ("read_own_messages", "task"),
        ("write_to_annotator", "task"),
        ("write_to_managers", "task"),
    ]


def test_nobody_else_sees_a_talk_or_writes_in_it(labeling, ann, mia):
    lease = labeling.take(ann.user_id)
    task = f"/work/{labeling.project.project_id}/tasks/{lease.assignment_id}/messages"
    talk = f"/projects/{labeling.project.project_id}/messages"
    with signed_in(labeling.world, ann) as browser:
        browser.get(task)
        browser.post(task, {"text": "Mine alone", "seen": "0"})
        assert browser.get(talk).status_code == 403
        assert browser.get(f"{talk}/{lease.assignment_id}").status_code == 403
        assert browser.post(f"{talk}/{lease.assignment_id}", {"text": "x"}).status_code == 403
    for role, org in (("annotator", "default"), ("manager", "default"), ("admin", "Other")):
        who = add_person(labeling.world, role, email=f"{role}_{org}@example.com", org=org)
        with signed_in(labeling.world, who) as browser:
            assert browser.get(task).status_code == 404
            assert browser.post(task, {"text": "x"}).status_code == 404
            assert browser.post(f"{task}/read", {"until": "1"}).status_code == 404
            assert "Mine alone" not in browser.get("/work").text
            if org != "default":
                one = f"{talk}/{lease.assignment_id}"
                assert browser.get(one).status_code == 404
                assert browser.post(f"{one}/read", {"until": "1"}).status_code == 404
    elsewhere = LabelingProject(labeling.world, "Elsewhere").project.project_id
    assert mia.get(f"/projects/{elsewhere}/messages/{lease.assignment_id}").status_code == 404


def test_words_of_people_are_no_markup_and_a_refused_message_is_kept(labeling, ann, mia):
    lease = labeling.take(ann.user_id)
    task = f"/work/{labeling.project.project_id}/tasks/{lease.assignment_id}/messages"
    with signed_in(labeling.world, ann) as browser:
        browser.get(task)
        browser.post(task, {"text": " ".join(HOSTILE), "seen": "0"})
        long = browser.post(task, {"text": "y" * (talks.TEXT_CHARS_MAX + 1)})
        assert long.status_code == 400
        assert "y" * talks.TEXT_CHARS_MAX in long.text
        assert 'aria-invalid="true"' in long.text

    path = f"/projects/{labeling.project.project_id}/messages"
    for page in (path, f"{path}/{lease.assignment_id}"):
        text = mia.get(page).text
        assert "<script>alert" not in text
        assert "&lt;" in text


def test_pseudonyms_hide_names_on_both_sides(labeling, ann, mia):
    labeling.set(pseudonyms=True)
    lease = labeling.take(ann.user_id)
    task = f"/work/{labeling.project.project_id}/tasks/{lease.assignment_id}/messages"
    path = f"/projects/{labeling.project.project_id}/messages"
    with signed_in(labeling.world, ann) as browser:
        browser.get(task)
        browser.post(task, {"text": "Hm?", "seen": "0"})
        for page in (path, f"{path}/{lease.assignment_id}"):
            text = mia.get(page).text
            assert "Annotator" in text
            assert "<bdi>Ann</bdi>" not in text
        mia.post(f"{path}/{lease.assignment_id}", {"text": "So.", "seen": "1"})
        text = browser.get(task).text
    assert "A manager" in text
    assert "Mia" not in text


def test_messages_stand_on_the_page_of_review_too(labeling, ann):
    """With how many are unread; what is written or read there leads back to the task."""
    labeling.set(review="all")
    lease = labeling.take(ann.user_id)
    labeling.submit(lease)
    work = f"/work/{labeling.project.project_id}/tasks/{lease.assignment_id}/messages"
    review = f"/review/{labeling.project.project_id}/tasks/{labeling.first_id}"
    own = f"{review}/messages/{lease.assignment_id}"
    other = f"/review/{labeling.project.project_id}/tasks/{labeling.create()[0]}"
    rae = add_person(labeling.world, "reviewer", name="Rae", email="rae@example.com")
    with signed_in(labeling.world, rae) as browser, signed_in(labeling.world, ann) as asking:
        assert "Write to Ann" in words(browser.get(review).text)
        asking.get(work)
        asking.post(work, {"text": " ".join(HOSTILE), "seen": "0"})
        page = browser.get(f"{review}?question=overall").text
        assert "1 unread" in words(page)
        assert f'action="{own}?question=overall"' in page
        assert "<script>alert" not in page

        back = browser.post(f"{own}?question=overall", {"text": "Yes.", "seen": "0"}, follow=True)
        assert (back.url.path, back.url.query) == (review, b"question=overall")
        assert "They see your message" in back.text
        assert "1 unread" in words(back.text)
        read = browser.post(f"{own}/read", {"until": "1"}, follow=True)
        assert read.url.path == review
        assert "1 unread" not in words(read.text)
        long = browser.post(own, {"text": "y" * (talks.TEXT_CHARS_MAX + 1)})
        assert (long.status_code, long.text.count('aria-invalid="true"')) == (400, 1)
        assert (
            browser.post(f"{other}/messages/{lease.assignment_id}", {"text": "x"}).status_code
            == 404
        )
        assert asking.post(own, {"text": "x"}).status_code == 403
    noted = [one.action for one in entries(labeling.world)]
    assert noted == ["read_on_review", "write_on_review", "write_to_managers"]
