"""Talks: messages about a task between an annotator and managers, who sees them, and bounds."""

from __future__ import annotations

import pytest

from plaudit.core.managing import talks
from plaudit.errors import Conflict, InvalidContent, NotFound
from plaudit.model.managing import TalkSide
from plaudit.model.quality_control import GoldSettings
from tests.managing.managed_project import ManagedProject
from tests.support.gold.gold_project import GoldProject

PERSON, STAFF = TalkSide.person, TalkSide.staff


@pytest.fixture
def project(world):
    return ManagedProject(world)


def write(project, lease, side, text, author=None, seen=0):
    author = author or (lease.user_id if side is PERSON else "boss")
    return project.write(
        lambda tx: talks.write(
            tx, project.project, lease.assignment_id, side, author, text=text, seen=seen
        )
    )


def talk_of(project, lease, **who):
    return project.write(lambda tx: talks.get_talk(tx, project.project, lease.assignment_id, **who))


def unread_of(project, user_id):
    key = project.project.project_key
    return [
        one.assignment_id
        for one in project.write(lambda tx: talks.list_unread(tx, [key], user_id, limit=9))
    ]


def waiting(project):
    key = project.project.project_key
    return project.write(lambda tx: talks.count_unread(tx, [key]))[key]


def test_each_side_reads_what_the_other_wrote_and_says_so(project):
    project.say("a", "b")
    lease = project.take("ann")

    assert talk_of(project, lease).messages == []
    write(project, lease, PERSON, " Which of the two? ")
    assert (waiting(project), unread_of(project, "ann")) == (1, [])
    write(project, lease, STAFF, "The first.", seen=1)
    assert (waiting(project), unread_of(project, "ann")) == (0, [lease.assignment_id])

    shown = talk_of(project, lease, user_id="ann")
    assert [(one.number, one.is_staff, one.text) for one in shown.messages] == [
        (1, False, "Which of the two?"),
        (2, True, "The first."),
    ]
    project.write(
        lambda tx: talks.mark_read(
            tx, project.project, lease.assignment_id, PERSON, until=2, user_id="ann"
        )
    )
    assert unread_of(project, "ann") == []
    [listed] = project.write(
        lambda tx: talks.list_page(
            tx, project.world.secret, project.project, is_unread=False, next_token=None
        )
    )[0]
    assert (listed.talk.message_count, listed.text) == (2, "The first.")


def test_an_answer_does_not_hide_what_came_while_it_was_written(project):
    project.say("a")
    lease = project.take("ann")
    write(project, lease, PERSON, "One")
    write(project, lease, PERSON, "Two")

    write(project, lease, STAFF, "To the first.", seen=1)

    assert waiting(project) == 1
    project.write(
        lambda tx: talks.mark_read(tx, project.project, lease.assignment_id, STAFF, until=99)
    )
    assert waiting(project) == 1


def test_a_talk_is_of_one_person_and_of_the_project(project):
    project.say("a", "b")
    lease, other = project.take("ann"), project.take("bea")
    stranger = ManagedProject(project.world, "Another")
    write(project, lease, PERSON, "Mine")

    for wrong in (
        lambda: talk_of(project, lease, user_id="bea"),
        lambda: write(project, lease, PERSON, "Not mine", author="bea"),
        lambda: talk_of(stranger, lease),
        lambda: write(stranger, lease, STAFF, "Elsewhere"),
    ):
        with pytest.raises(NotFound):
            wrong()
    assert talk_of(project, other).messages == []
    assert waiting(stranger) == 0


def test_a_message_has_its_bounds_and_so_have_many(project, monkeypatch):
    monkeypatch.setattr(talks, "MESSAGES_MAX", 2)
    project.say("a")
    lease = project.take("ann")

    for text in ("", " \u200b ", "x" * (talks.TEXT_CHARS_MAX + 1)):
        with pytest.raises(InvalidContent) as refused:
            write(project, lease, PERSON, text)
        assert refused.value.pointer == "/text"
    write(project, lease, PERSON, "x" * talks.TEXT_CHARS_MAX)
    write(project, lease, STAFF, "\u202e<script>alert(1)</script>'; DROP TABLE task_talk;--")
    with pytest.raises(Conflict):
        write(project, lease, PERSON, "One more")
    assert talk_of(project, lease).is_full


def test_of_messages_written_at_once_none_is_lost_and_none_is_too_many(
    project, at_once, monkeypatch
):
    monkeypatch.setattr(talks, "MESSAGES_MAX", 6)
    project.say("a")
    lease = project.take("ann")

    found = at_once(
        project,
        *(
            lambda own, number=number: write(
                own, lease, STAFF if number % 2 else PERSON, str(number)
            )
            for number in range(8)
        ),
    )

    assert sum(isinstance(one, Conflict) for one in found) == 2
    shown = talk_of(project, lease)
    assert [one.number for one in shown.messages] == [1, 2, 3, 4, 5, 6]
    assert len({one.text for one in shown.messages}) == 6


def test_a_control_task_has_a_talk_like_any_other(world):
    project = GoldProject(world, gold=GoldSettings(rate=0.5))
    project.add_gold()
    project.create(9)
    lease = project.take_gold()

    write(project, lease, PERSON, "Is this right?")
    write(project, lease, STAFF, "Do as you think.", seen=1)

    assert unread_of(project, "ann") == [lease.assignment_id]
    [talk] = project.write(
        lambda tx: talks.list_unread(tx, [project.project.project_key], "ann", limit=9)
    )
    texts = project.write(lambda tx: talks.list_excerpts_of(tx, project.project, [talk]))
    assert texts[lease.assignment_id]
