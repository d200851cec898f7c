"""Qualification: training with its answers, then a test; no pass, no tasks."""

from __future__ import annotations

import pytest

from plaudit.core.labeling import leases
from plaudit.core.quality_control import gold_feedback, qualification, qualified_people, submitting
from plaudit.core.quality_control.control_tasks import control_side
from plaudit.core.quality_control.qualification import QualificationStep
from plaudit.errors import InvalidContent, NotFound, Paused, Unqualified
from plaudit.model.labeling import Lease, LeaseStatus
from plaudit.model.quality_control import Collector, GoldSettings, QualificationSettings
from plaudit.wire.v2.resources import project_detail
from tests.quality_control.controlled_project import ControlledProject, rule
from tests.support.gold.gold_project import RIGHT, WRONG, GoldProject
from tests.support.running.every_case import every_case


class TestedProject(GoldProject, ControlledProject):
    """A project with a test; people take it with `answer(right)`, a task for each value."""

    __test__ = False

    def answer(self, *rights: bool, user_id: str = "ann") -> list[bool]:
        """Take so many tasks and answer them right or wrong; True for each that was gold."""
        were_gold = []
        for right in rights:
            lease = self.take(user_id)
            were_gold.append(self.is_gold(lease))
            answers = self.prefer(lease, RIGHT if right else WRONG)
            self.submit(lease, answers, key=lease.assignment_id)
        return were_gold

    def step(self, user_id: str = "ann") -> QualificationStep:
        return self.write(lambda tx: qualification.find_view(tx, self.project, user_id)).step

    def ask(self, settings: QualificationSettings | None) -> None:
        self.project = self.write(
            lambda tx: qualified_people.set_qualification(tx, self.project, settings)
        )

    def lease_of(self, user_id: str, assignment_id: str) -> Lease:
        """A person's lease of training or test."""
        side = control_side(self.project)
        return self.write(lambda tx: leases.get_lease(tx, side, user_id, assignment_id))

    def later(self, hours: float) -> None:
        """Let what changed last be as long ago."""
        ms = int(hours * 3_600_000)

        async def run(tx):
            await tx.run("UPDATE qualification SET changed_ms = changed_ms - :ms", {"ms": ms})

        self.write(run)


def asked(**settings):
    return QualificationSettings(**({"test": 2, "pass_mark": 1.0} | settings))


@pytest.fixture
def tested(world):
    """A project with five ordinary tasks, and twelve of gold for its test."""

    def make(**settings):
        # No gold among the work, which comes by chance.
        no_gold = GoldSettings(rate=0)
        project = TestedProject(world, qualification=asked(**settings), gold=no_gold)
        project.create(5)
        project.add_gold(12)
        return project

    return make


@pytest.fixture
def project(tested):
    """Such a project with the settings that it has if nothing else is said."""
    return tested()


def test_who_passes_the_test_gets_tasks_and_nobody_before(tested):
    project = tested()

    assert project.answer(True, True) == [True, True]

    assert project.step() is QualificationStep.work
    assert not project.is_gold(project.take())
    assert project.step("bob") is QualificationStep.test
    assert project.counted("ann", Collector.gold) == (0, 0)
    assert project.violations() == {}


def test_training_comes_first_in_its_order_and_shows_its_answers_at_once(tested):
    project = tested(training=2)
    first, second = project.add_gold(2, training=True, reason="The first is right.")

    lease = project.take()
    with pytest.raises(NotFound):
        project.write(
            lambda tx: gold_feedback.get_feedback(tx, project.project, "ann", lease.assignment_id)
        )
    project.submit(lease, project.prefer(lease, WRONG))
    shown = project.write(
        lambda tx: gold_feedback.get_feedback(tx, project.project, "ann", lease.assignment_id)
    )

    assert (shown.row.task_id, shown.row.reason) == (first, "The first is right.")
    assert [result.is_right for result in shown.results] == [False]
    assert project.step() is QualificationStep.training
    project.answer(False)
    assert project.step() is QualificationStep.test
    assert second in {one.row.task_id for one in project.gold()}
    project.answer(True, True)
    assert project.step() is QualificationStep.work


def test_too_few_training_tasks_lead_to_the_test(tested):
    project = tested(training=3)
    project.add_gold(1, training=True)

    project.answer(True, True, True)

    assert project.step() is QualificationStep.work


def test_a_failed_test_is_taken_again_after_a_while_with_other_tasks_and_not_for_ever(tested):
    project = tested(attempts=2, wait_hours=24)
    project.answer(True, False)

    assert project.step() is QualificationStep.wait
    with pytest.raises(Unqualified, match="again from"):
        project.lease_next()
    project.later(24)
    project.answer(False, True)
    assert project.step() is QualificationStep.stop
    project.later(10_000)
    with pytest.raises(Unqualified, match="as often as you may"):
        project.lease_next()

    project.write(lambda tx: qualification.begin_anew(tx, project.project, "ann"))
    project.answer(True, True)
    assert project.step() is QualificationStep.work
    with pytest.raises(NotFound):
        project.write(lambda tx: qualification.begin_anew(tx, project.project, "nobody"))


def test_a_pass_mark_is_reached_exactly(tested):
    project = tested(test=5, pass_mark=0.8)

    project.answer(True, True, True, True, False)

    assert project.step() is QualificationStep.work


def test_a_task_of_the_test_that_is_skipped_is_wrong(tested):
    project = tested()

    project.do(submitting.skip, project.take(), reason="too_hard", note=None)
    project.answer(True)

    assert project.step() is QualificationStep.wait


@pytest.mark.parametrize("training", [0, 3])
def test_a_task_that_is_submitted_opened_again_and_skipped_counts_once(tested, training):
    project = tested(test=3, training=training)
    project.add_gold(4, training=True)

    lease = project.take()
    project.submit(lease, project.prefer(lease, RIGHT))
    project.skip(project.undo(lease))

    [person] = project.write(lambda tx: qualification.list_people(tx, project.project, limit=10))
    assert (person.trained, person.right_cases, person.cases) == (
        (1, 0, 0) if training else (0, 1, 1)
    )


def test_settings_that_are_changed_while_everybody_is_asked_again_keep_the_round(tested):
    project = tested()
    before = project.project

    again = project.write(lambda tx: qualified_people.ask_again(tx, before))
    assert project_detail(again).qualification.round == 2
    project.ask(asked(test=3))
    assert project_detail(project.project).qualification == asked(test=3, round=2)
    both = project.write(lambda tx: qualified_people.ask_again(tx, before))
    assert project_detail(both).qualification == asked(test=3, round=3)


def test_one_task_of_the_test_is_out_at_a_time_and_given_back_ones_come_again(tested):
    project = tested()
    lease = project.take()

    assert project.take().assignment_id == lease.assignment_id
    project.age(lease)
    again = project.take()
    assert (again.assignment_id, again.lease_version) == (lease.assignment_id, 2)


def test_without_gold_enough_nobody_is_stuck_in_silence(world):
    project = TestedProject(world, qualification=asked())
    project.create(1)

    with pytest.raises(Unqualified, match="tell a manager"):
        project.lease_next()


def test_asking_again_and_a_change_of_questions_have_everybody_begin_anew(tested):
    project = tested(asks_again=True)
    project.answer(True, True)
    held = project.take()

    project.project = project.write(lambda tx: qualified_people.ask_again(tx, project.project))
    assert project.step() is QualificationStep.test
    project.submit(held, project.prefer(held))
    project.answer(True, True)
    assert project.step() is QualificationStep.work
    form = project.project.detail
    fields = [{"key": "likert_value", "level": "turn", "type": "integer", "scale": "low_is_first"}]
    project.set(form={"fields": fields})
    assert project.project.detail != form
    assert project.step() is QualificationStep.test


def test_saved_settings_keep_their_round_and_who_has_passed(tested):
    project = tested()
    project.answer(True, True)

    project.ask(asked(test=3, wait_hours=1))

    assert project.step() is QualificationStep.work
    project.ask(None)
    assert project.step("bob") is QualificationStep.work


def test_an_open_task_is_not_resumed_before_the_test_is_passed(world):
    project = TestedProject(world, gold=GoldSettings(rate=0))
    project.create(1)
    project.add_gold(2)
    lease = project.take()
    project.age(lease)
    project.ask(asked())

    with pytest.raises(Unqualified):
        project.resume(lease)


def test_a_paused_person_takes_no_test(tested):
    project = tested()
    project.set(rules=[rule("skips", 10)])
    project.count("ann", Collector.skips, *[False] * 10)

    with pytest.raises(Paused):
        project.lease_next()


def test_a_task_of_the_test_goes_back_with_a_pause_and_comes_again(tested):
    project = tested()
    project.set(rules=[rule("skips", 10)])
    lease = project.take()
    project.count("ann", Collector.skips, *[False] * 10)

    project.follow_up()

    assert project.lease_of("ann", lease.assignment_id).status is LeaseStatus.released
    project.lift(project.pause().pause_id)
    assert project.take().assignment_id == lease.assignment_id
    assert project.violations() == {}


@every_case(
    "field, value",
    [
        ("training", -1),
        ("training", 51),
        ("test", 0),
        ("test", 101),
        ("pass_mark", 0),
        ("pass_mark", 1.01),
        ("attempts", 0),
        ("wait_hours", -1),
        ("wait_hours", 721),
    ],
)
def test_settings_have_bounds(project, field, value):
    with pytest.raises(InvalidContent) as refused:
        project.ask(asked(**{field: value}))

    assert refused.value.pointer == f"/qualification/{field}"


def test_two_submissions_of_a_test_at_once_are_each_counted_once(world, at_once):
    project = TestedProject(world, qualification=asked(test=3, pass_mark=0.5))
    project.create(1)
    project.add_gold(12)
    for number in range(3):
        user_id = f"user_{number}"
        lease = project.take(user_id)
        answers = project.prefer(lease)

        at_once(
            project,
            *(lambda own, of=lease, said=answers: own.submit(of, said) for _ in range(3)),
        )

        [row] = [
            row
            for row in project.write(
                lambda tx: qualification.list_people(tx, project.project, limit=99)
            )
            if row.user_id == user_id
        ]
        assert (row.right_cases, row.cases, row.attempt) == (1, 1, 1)


def test_the_api_sets_and_shows_it_and_refuses_what_cannot_be(world):
    path = f"/manage/v1/projects/{world.project('Eggs').project_id}/qualification"
    with world.client() as client:
        assert client.get(path).json() == {"training_tasks": 0, "gold_tasks": 0}
        assert client.post(f"{path}/ask-again").status_code == 409

        answer = client.put(path, json={"settings": {"training": 1, "test": 4}})

        assert answer.json()["settings"]["round"] == 1
        assert client.post(f"{path}/ask-again").json()["settings"]["round"] == 2
        assert client.put(path, json={"settings": {"test": 5}}).json()["settings"]["round"] == 2
        for hostile in (
            {},
            {"settings": 1},
            {"settings": {"test": 2.5}},
            {"settings": {"round": 9}},
            {"settings": {"test": 10**40}},
            {"settings": {"pass_mark": "1"}},
        ):
            assert client.put(path, json=hostile).status_code == 400, hostile
        assert client.get(f"{path}/people").json() == {"people": [], "next_token": None}
        assert client.put(path, json={"settings": None}).json().get("settings") is None
