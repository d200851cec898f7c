"""plaudit report: a project's votes in words, as JSON, a page or CSV; options; and its refusals."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser

import msgspec
import pytest

from plaudit.cli.report import CSV_COLUMNS
from plaudit.core.labeling import review_decisions
from plaudit.core.labeling.adjudication.disagreement_reasons import GivenReason
from plaudit.model.labeling import DisagreementReason
from plaudit.wire.v2.task import Thread
from tests.support.builders import make_message, make_thread, make_turn
from tests.support.harness import World, run_cli, store_arguments
from tests.support.labeling_project import LabelingProject
from tests.support.running.every_case import every_case

TOPIC = {
    "key": "topic",
    "level": "thread",
    "type": "category",
    "possible_values": ["egg", "ham", "=spam"],
    "cannot_assess": True,
}
BETTER = {
    "key": "better",
    "level": "turn",
    "type": "integer",
    "scale": "low_is_first",
    "possible_values": [1, 2, 3],
}
STARS = {"key": "stars", "level": "message", "type": "integer", "possible_values": [1, 2, 3]}
TAGS = {
    "key": "tags",
    "level": "turn",
    "type": "category_multiple",
    "possible_values": ["true", "kind"],
    "consolidate": "first",
}
RANKS = {"key": "ranks", "level": "turn", "type": "ranked_groups"}
SPANS = {"key": "errors", "level": "message", "type": "labeled_text", "labels": ["error"]}
WHY = {"key": "why", "level": "turn", "type": "text"}
REWRITE = {"key": "anew", "level": "message", "type": "text", "use": "rewrite"}
NAME = "<script>alert(1)</script>"


def content(number):
    """A conversation whose first response is the longer one."""
    threads = [
        make_thread(
            turns=[
                make_turn(
                    messages=[
                        make_message("user", f"Question {number}?"),
                        make_message("heron", "A long answer, with more words."),
                        make_message("tern", "A short one."),
                    ]
                )
            ]
        )
    ]
    return msgspec.convert(threads, list[Thread])


class Floor:
    """A project with answers of several people, and the command on it."""

    def __init__(self, settings, form, **detail):
        self.settings = settings
        self.world = World(settings)
        self.world.org()
        self.own_orders = []
        """True for each ballot before whose person the responses stood in their own order."""
        self.labeling = LabelingProject(self.world, NAME, form={"fields": form}, **detail)

    def create(self, count, **fields):
        for number in range(count):
            self.labeling.create(content=content(number), **fields)

    def say(self, user_id, *answers):
        """Submit a person's answers, in their own order of the responses, to their next task."""
        lease = self.labeling.take(user_id)
        first = json.loads(lease.display)["t0u0"][0]
        self.own_orders.append(first == 1)
        self.labeling.submit(lease, [one(first == 1) if callable(one) else one for one in answers])

    def hurry(self, user_id):
        """Make everybody's active time of a task ten seconds, and one person's a single one."""

        async def work(tx):
            await tx.run(
                "UPDATE vote SET active_ms = CASE contributor_id WHEN :user_id THEN 1000"
                " ELSE 10000 END WHERE project_key = :key",
                {"key": self.labeling.project.project_key, "user_id": user_id},
            )

        self.labeling.write(work)

    def report(self, *options):
        self.close()
        return run_cli("report", "--project", NAME, *options, *store_arguments(self.settings))

    def close(self):
        if self.world is not None:
            self.world.close()
            self.world = None

    def json(self, *options):
        done = self.report("--json", *options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def topic(value):
    return {"at": "t0", "key": "topic", "value": value}


def better(value):
    """The scale of a person to whom responses are shown in an order of their own."""
    return lambda is_own_order: {
        "at": "t0u0",
        "key": "better",
        "value": value if is_own_order else 4 - value,
    }


@pytest.fixture
def floor(sqlite_settings):
    """Three people on six tasks of two batches; they choose heron, and differ on the topic."""
    floor = Floor(sqlite_settings, [TOPIC, BETTER, STARS], overlap=3)
    for number, name in enumerate(("First", "Second")):
        batch = floor.labeling.batch(name)
        floor.create(3, batch=batch, metadata={"language": ("en", "de")[number]})
    for user_id, value in (("ann", "egg"), ("bea", "egg"), ("cem", "ham")):
        for number in range(6):
            own = (
                {"at": "t0", "key": "topic", "cannot_assess": True} if number == 5 else topic(value)
            )
            floor.say(user_id, own, better(1 if number else 2))
    return floor


def test_a_project_is_reported_question_by_question(floor):
    found = floor.json()

    topic_found, preference = found["questions"]
    assert (found["project"], found["tasks"], found["votes"]) == (NAME, 6, 33)
    assert (topic_found["key"], topic_found["categories"]) == ("topic", ["egg", "ham", "=spam"])
    assert (topic_found["votes"], topic_found["abstained"]) == (15, 3)
    assert topic_found["disagreements"] == {
        "units": 5,
        "final_of": {"ann": 5, "bea": 5, "cem": 0},
        "final_of_nobody": 0,
    }
    assert preference["agreement"]["orientation"] == "free"
    assert preference["agreement"]["percent"]["value"] == 1
    place = found["bias"]["place"]
    chosen_first = sum(own for at, own in enumerate(floor.own_orders) if at % 6)
    assert (place["basis"], place["first"]) == ("shown", chosen_first)
    assert place["first"] + place["second"] == 15
    assert (found["bias"]["length"]["longer"], found["bias"]["length"]["n"]) == (5, 5)
    (heron, tern) = found["leaderboard"]["models"]
    assert (heron["model"], tern["model"], found["leaderboard"]["votes"]) == ("heron", "tern", 18)
    assert heron["score"] > tern["score"]
    assert [one["tasks"] for one in found["people"]] == [6, 6, 6]


@pytest.mark.parametrize(
    ("by", "slices"),
    [
        ("batch", {"First": 3, "Second": 2}),
        ("language", {"en": 3, "de": 2}),
    ],
)
def test_units_are_divided_by_what_is_asked_for(floor, by, slices):
    found = floor.json("--by", by, "--question", "topic")

    (question,) = found["questions"]
    assert {name: one["units"] for name, one in question["slices"].items()} == slices


def test_the_leaderboard_is_divided_too(floor):
    found = floor.json("--by", "language")

    assert {name: one["votes"] for name, one in found["leaderboard"]["slices"].items()} == {
        "de": 9,
        "en": 9,
    }


def test_a_preference_is_divided_by_both_of_its_models_and_by_week(floor):
    by_model = floor.json("--by", "model", "--question", "better")["questions"][0]
    by_week = floor.json("--by", "week", "--question", "better")["questions"][0]

    assert {name: one["units"] for name, one in by_model["slices"].items()} == {
        "heron": 6,
        "tern": 6,
    }
    assert sum(one["units"] for one in by_week["slices"].values()) == 6


def test_level_and_order_measure_otherwise_than_the_type_says(floor):
    plain = floor.json("--question", "topic")["questions"][0]
    ordered = floor.json("--question", "topic", "--order", "=spam,egg,ham")["questions"][0]
    named = floor.json("--question", "better", "--level", "nominal")["questions"][0]

    assert plain["agreement"]["alpha"]["ordinal"]["value"] is None
    assert (ordered["level"], ordered["categories"]) == ("ordinal", ["=spam", "egg", "ham"])
    assert ordered["agreement"]["alpha"]["ordinal"]["value"] is not None
    assert named["agreement"]["alpha"]["ordinal"]["value"] is None


def test_units_of_the_annotator_model_are_listed_where_asked_for(floor):
    model = floor.json("--units", "--question", "topic")["questions"][0]["dawid_skene"]

    assert [one["label"] for one in model["units"]] == ["egg"] * 5


def answers_of_every_kind(user_id, words):
    """Answers of a person, of whom bea alone chooses two tags."""
    return (
        better(1),
        {"at": "t0u0", "key": "tags", "value": ["kind", "true"][: 1 + (user_id == "bea")]},
        lambda own: {"at": "t0u0", "key": "ranks", "value": [[1], [2]] if own else [[2], [1]]},
        lambda own: {
            "at": "t0u0",
            "position": 1 if own else 2,
            "key": "errors",
            "value": [{"label": "error", "text": words}],
        },
        {"at": "t0u0", "key": "why", "value": f"Because {words} it is."},
        lambda own: {
            "at": "t0u0",
            "position": 2 if own else 1,
            "key": "anew",
            "value": "A short one!",
        },
    )


def test_sets_rankings_spans_and_texts_have_members_of_their_own(sqlite_settings):
    floor = Floor(sqlite_settings, [TAGS, BETTER, RANKS, SPANS, WHY, REWRITE], overlap=2)
    floor.create(2)
    for user_id, words in (("ann", "A long answer"), ("bea", "long answer")):
        for _ in range(2):
            floor.say(user_id, *answers_of_every_kind(user_id, words))

    found = floor.json()
    tags, _, ranks, errors, why, anew = found["questions"]

    assert (tags["categories"], tags["agreement"]["choices"]["kind"]["value"]) == (
        ["true", "kind"],
        None,
    )
    assert tags["agreement"]["alpha"]["masi"]["value"] is not None
    assert (ranks["votes"], ranks["ranking"]["kendall_w"]["value"]) == (4, 1)
    assert [one["with_final"]["right"] for one in ranks["people"]] == [2, 2]
    assert ranks["disagreements"] == {"units": 0, "final_of": {}, "final_of_nobody": 0}
    assert anew["texts"]["edit_share"]["median"] == pytest.approx(1 / 12)
    assert errors["spans"]["f1_exact"]["value"] == 0
    assert errors["spans"]["f1_overlap"]["value"] == 1
    assert (why["texts"]["n"], why["texts"]["empty"]) == (4, 0)
    assert "agreement" not in why
    assert (why["abstained"], errors["abstained"]) == (0, 0)
    assert found["leaderboard"]["votes"] == 4


def test_a_choice_among_three_says_nothing_of_the_two_others(sqlite_settings):
    best = {"key": "selected_model_id", "level": "turn", "type": "category"}
    floor = Floor(sqlite_settings, [best], overlap=2)
    messages = [make_message("user", "A question?")]
    messages += [make_message(name, f"I am {name}.") for name in ("heron", "tern", "gull")]
    threads = [make_thread(turns=[make_turn(messages=messages)])]
    floor.labeling.create(content=msgspec.convert(threads, list[Thread]))
    for user_id, source in (("ann", 2), ("bea", 3)):
        lease = floor.labeling.take(user_id)
        position = json.loads(lease.display)["t0u0"].index(source) + 1
        answer = {"at": "t0u0", "key": "selected_model_id", "value": position}
        floor.labeling.submit(lease, [answer])

    found = floor.json()

    (question,) = found["questions"]
    assert question["categories"] == ["heron", "tern", "gull", "tie"]
    assert question["disagreements"]["units"] == 1
    assert "why" not in question["disagreements"]
    counts = {one["model"]: one["n"] for one in found["leaderboard"]["models"]}
    assert (found["leaderboard"]["votes"], counts) == (4, {"heron": 2, "tern": 3, "gull": 3})


def test_why_people_differ_is_told_once_a_reviewer_has_said_it(sqlite_settings):
    floor = Floor(sqlite_settings, [TOPIC], overlap=2)
    [task_id] = floor.labeling.create()
    for user_id, value in (("ann", "egg"), ("bea", "ham")):
        lease = floor.labeling.take(user_id)
        floor.labeling.submit(lease, [topic(value)])
    reason = GivenReason(question=0, key="topic", why=DisagreementReason.ambiguous)
    fix = {"at": "t0", "key": "topic", "value": "egg"}
    decide = review_decisions.accept
    floor.labeling.decide(decide, task_id, "rev", fixes=[fix], reasons=[reason])

    [question] = floor.json()["questions"]

    assert question["disagreements"]["why"] == {"ambiguous": 1}
    assert "Why they differ, as reviewers say: 1 × ambiguous." in " ".join(
        floor.report().stdout.split()
    )


def test_votes_that_do_not_count_are_named(floor):
    floor.labeling.set(form={"fields": [TOPIC | {"possible_values": ["egg", "=spam"]}, STARS]})

    found = floor.json()

    assert found["counted_out"] == [
        {"key": "better", "about": "turn", "why": "the form does not ask this", "n": 18},
        {"key": "topic", "about": "thread", "why": "the form does not take this value", "n": 5},
    ]


def test_the_summary_is_in_words(floor):
    done = floor.report("--style", "length")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{NAME}: 6 tasks, 33 votes, 3 people\n")
    for words in (
        "Agreement",
        "topic: coefficients",
        "heron",
        "as shown",
        "People differ on 5 units",
    ):
        assert words in done.stdout


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        assert not {name for name, _ in attrs} & {"src", "onload", "style"}
        assert not any(name == "href" for name, _ in attrs)

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_needs_nothing_else_and_runs_nothing(floor):
    done = floor.report("--html", "--by", "batch")

    page = Page(done.stdout)
    assert done.returncode == 0
    assert "script" not in page.tags
    assert page.tags.count("svg") >= 3
    assert f"Quality of {NAME}" in "".join(page.text)
    assert {"table", "rect", "line"} <= set(page.tags)


def test_csv_has_a_row_for_each_question_and_coefficient(floor):
    done = floor.report("--csv", "--by", "language")

    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert list(rows[0]) == list(CSV_COLUMNS)
    by_name = {(one["question"], one["slice"], one["coefficient"]): one for one in rows}
    assert by_name["better", "", "percent"]["value"] == "1.0"
    assert by_name["topic", "en", "alpha nominal"]["units"] == "3"
    assert by_name["topic", "", "alpha ordinal"]["why"] == "the categories have no order"


def test_an_empty_project_says_what_to_do_next(sqlite_settings):
    floor = Floor(sqlite_settings, [TOPIC])

    done = floor.report()

    assert done.returncode == 0
    assert "plaudit import" in done.stdout
    empty = json.loads(floor.report("--json").stdout)
    assert (empty["tasks"], empty["votes"], empty["questions"]) == (0, 0, [])


@every_case(
    "options, words",
    [
        (["--question", "nope"], "topic"),
        (["--level", "best"], ""),
        (["--order", "egg,ham"], "--order"),
        (["--order", "egg,egg,ham"], "twice"),
        (["--style", "colour"], "length"),
        (["--by", "nothing"], "--by"),
        (["--votes", "some"], ""),
        (["--json", "--csv"], "choose one"),
    ],
)
def test_an_option_that_nothing_answers_to_ends_with_two(floor, options, words):
    done = floor.report(*options)

    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_an_unknown_project_ends_with_one(sqlite_settings):
    Floor(sqlite_settings, [TOPIC]).close()

    done = run_cli("report", "--project", "No such", *store_arguments(sqlite_settings))

    assert (done.returncode, done.stdout) == (1, "")
    assert "No such" in done.stderr
