"""The rules of who may do what, without a store."""

from __future__ import annotations

import itertools

import pytest

from plaudit.core.staffing import requirements, roles
from plaudit.errors import InvalidContent
from plaudit.model.core import PersonRole
from plaudit.model.staffing import Requirement, Skills, TaskQuota
from tests.support.running.every_case import every_case

ANA = Skills("ana", frozenset({"es-mx", "en"}), frozenset({"law"}), frozenset({"team_1"}))


@every_case(
    "asked, is_met",
    [
        (Requirement(), True),
        (Requirement(languages=("es",)), True),
        (Requirement(languages=("es-es",)), False),
        (Requirement(languages=("en", "es")), True),
        (Requirement(languages=("en", "de")), False),
        (Requirement(languages=("e",)), False),
        (Requirement(tags=("law",)), True),
        (Requirement(tags=("law", "medicine")), False),
        (Requirement(people=("ana", "ben")), True),
        (Requirement(people=("ben",)), False),
        (Requirement(team="team_1"), True),
        (Requirement(team="team_2"), False),
        (Requirement(languages=("en",), people=("ben",)), False),
    ],
)
def test_a_task_asks_for_all_languages_and_tags_and_for_one_of_its_people(asked, is_met):
    assert requirements.is_met(asked, ANA) is is_met


def test_the_same_requirement_in_other_words_is_the_same_pool():
    said = {"languages": ["ES", "en", "es"], "tags": ["Law "], "people": ["b", "a"]}
    same = {"people": ["a", "b", "a"], "tags": ["law"], "languages": ["en", "es"]}

    first, second = map(requirements.read_requirement, (said, same))

    assert first == second == requirements.decode(requirements.encode(first))
    assert requirements.pool_of(first) == requirements.pool_of(second) != requirements.OPEN_POOL
    assert requirements.pool_of(requirements.read_requirement({})) == requirements.OPEN_POOL


@every_case(
    "said, pointer",
    [
        ("es", ""),
        ({"language": ["es"]}, ""),
        ({"languages": "es"}, ""),
        ({"languages": ["Spanish!"]}, "/languages"),
        ({"languages": ["en"] * 11}, "/languages"),
        ({"tags": [" "]}, "/tags"),
        ({"tags": ["a,b"]}, "/tags"),
        ({"people": [str(n) for n in range(21)]}, "/people"),
        ({"team": "team_1"}, "/team"),
    ],
)
def test_a_requirement_that_is_not_understood_is_refused_where_it_stands(said, pointer):
    with pytest.raises(InvalidContent) as refused:
        requirements.read_requirement(said)

    assert refused.value.pointer == pointer


def test_managers_keep_their_role_and_others_have_the_nearest_one():
    ranks = (None, 1, 2, 3)
    for own, member, team, is_open in itertools.product(PersonRole, ranks, ranks, (True, False)):
        found = roles.role_in_project(own, member, team, is_open=is_open)

        if own in (PersonRole.admin, PersonRole.manager):
            assert found is own
        elif member is not None:
            assert found is roles.role_of_rank(member)
        elif team is not None:
            assert found is roles.role_of_rank(team)
        else:
            assert found == (own if is_open else None)


def test_each_bound_of_a_quota_is_the_nearest_one_that_is_set():
    project = TaskQuota(per_day=10, in_all=100)
    small, large = TaskQuota(per_day=2), TaskQuota(per_day=5, in_all=50)

    assert roles.quota_of(project, None, []) == project
    assert roles.quota_of(project, None, [small, large]) == TaskQuota(5, 50)
    assert roles.quota_of(project, TaskQuota(in_all=3), [small]) == TaskQuota(2, 3)
    assert roles.quota_of(TaskQuota(), TaskQuota(), [TaskQuota()]) == TaskQuota()
