"""Flags of people through the whole path: submitted in a project, and reported by the command."""

from __future__ import annotations

import random

from tests.quality.reporting.test_report_command import BETTER, TOPIC, WHY, Floor, topic

TASKS = 40


def of_the_place(value):
    """The scale as it is clicked, wherever the responses stand: chance decides nothing here."""
    return lambda _: {"at": "t0u0", "key": "better", "value": value}


def why(text):
    return {"at": "t0u0", "key": "why", "value": text}


def test_who_copies_hurries_and_always_chooses_the_left_is_told_of(sqlite_settings):
    rng = random.Random(8)
    floor = Floor(sqlite_settings, [TOPIC, BETTER, WHY], overlap=4)
    floor.create(TASKS)
    for user_id in ("ann", "bea", "cem"):
        for number in range(TASKS):
            value = rng.choice(("egg", "ham", "=spam"))
            text = f"{user_id} says of number {number} that it is {rng.random()}."
            floor.say(user_id, topic(value), of_the_place(1 + 2 * (number % 2)), why(text))
    for _ in range(TASKS):
        floor.say("dan", topic("egg"), of_the_place(1), why("The first one is simply the better."))
    floor.hurry("dan")

    found = {one["contributor_id"]: one["flags"] for one in floor.json()["people"]}

    assert {name: [flag["flag"] for flag in found[name]] for name in ("ann", "bea", "cem")} == {
        "ann": [],
        "bea": [],
        "cem": [],
    }
    assert {flag["flag"] for flag in found["dan"]} == {
        *("straight-liner", "one-sided", "copier", "speeder"),
    }
    assert all(flag["why"] for flag in found["dan"])
