"""`opts`: which details of a task are shown, for every subset and at every place.

The reference is naive on purpose: it takes the parsed task with everything on and drops keys.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from plaudit.core.common import server_secret
from plaudit.model.core import Opts
from plaudit.settings import Settings
from plaudit.store.engine import connect
from tests.support.builders import make_annotation, make_message, make_task, make_thread, make_turn
from tests.support.harness import World
from tests.support.running.every_case import every_case
from tests.support.sample_tasks import full_task, mixed_tasks
from tests.support.strategies import THREADS

OPTS = ("annotation_details", "attachment_details", "model_parameters", "submissions")
SUBSETS = [set(some) for size in range(5) for some in itertools.combinations(OPTS, size)]
DETAILS = {
    "title", "description", "labels", "possible_values", "not_applicable", "cannot_assess",
    "metadata", "justification",
}  # fmt: skip

PLAIN = ("id", "key", "type", "value")
OTHERS = [one for one in OPTS if one != "model_parameters"]


def reference(task: Any, opts: set[str]) -> Any:
    """What a task looks like with these opts, from the task with all of them."""
    shown = copy.deepcopy(task)
    for thread in shown.get("threads", ()):
        if "submissions" not in opts:
            thread.pop("submissions", None)
        for message in messages_of(thread):
            if "model_parameters" not in opts:
                message.pop("model_parameters", None)
            if "attachment_details" not in opts:
                message["content"].pop("attachments", None)
        for _, found in annotation_lists(thread):
            for annotation in found:
                hidden = set() if "annotation_details" in opts else DETAILS
                hidden = hidden if "submissions" in opts else hidden | {"votes"}
                for key in hidden:
                    annotation.pop(key, None)
    return shown


def messages_of(thread: Any) -> list[Any]:
    return [message for turn in thread["turns"] for message in turn["messages"]]


def annotation_lists(thread: Any) -> Iterator[tuple[str, list[Any]]]:
    """Every list of annotations of a thread, and the name of its level."""
    yield "thread", thread["annotations"]
    for turn in thread["turns"]:
        yield "turn", turn["annotations"]
        for rubric in turn.get("rubrics", ()):
            for criterion in rubric["criteria_definitions"]:
                yield "criterion", criterion["annotations"]
    for message in messages_of(thread):
        yield "message", message["annotations"]
        for chunk in message["content"].get("chunks", ()):
            yield "chunk", chunk["annotations"]
        for evaluation in message.get("rubric_evaluations", ()):
            yield "evaluation", evaluation.get("annotations", [])
            for score in evaluation.get("criteria_evaluations", ()):
                yield "score", score.get("annotations", [])


class Readers:
    """A store, and a client for each default of `opts`: only so can the empty set be asked for."""

    def __init__(self, settings: Settings) -> None:
        connect.prepare(settings)
        server_secret.make(settings.secret_path)
        self.world = World(settings)
        self.world.org()
        self._counter = itertools.count()
        self._with_client = self.world.client()
        self.client = self._with_client.__enter__()
        self.world.settings = msgspec.structs.replace(settings, default_opts=Opts(0))
        self._with_bare = self.world.client()
        self.bare = self._with_bare.__enter__()

    def close(self) -> None:
        self._with_client.__exit__(None, None, None)
        self._with_bare.__exit__(None, None, None)
        self.world.close()

    def load(self, threads: list[Any], count: int = 1) -> list[str]:
        """Import tasks with these threads into a batch of their own, named by the last id."""
        number = next(self._counter)
        task_ids = [f"task_{number}_{n}" for n in range(count)]
        rows = [make_task(one, threads=threads, batch=f"batch_{number}") for one in task_ids]
        _, rejects = self.world.load(rows)
        assert rejects == []
        return task_ids

    def get(self, task_id: str, opts: set[str]) -> Any:
        client = self.client if opts else self.bare
        answer = client.get("/v2/task", params={"task_id": task_id, "opts": sorted(opts)})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def list(self, batch_id: str, opts: set[str]) -> Any:
        client = self.client if opts else self.bare
        answer = client.get("/v2/tasks", params={"batch_id": batch_id, "opts": sorted(opts)})
        assert answer.status_code == 200, answer.text
        return answer.json()["tasks"]


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Readers]:
    readers = Readers(Settings(data=tmp_path_factory.mktemp("details")))
    yield readers
    readers.close()


def examples(count: int) -> settings:
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )


@examples(10)
@given(THREADS)
def test_one_task_with_any_opts_is_the_full_one_with_keys_dropped(readers, threads):
    (task_id,) = readers.load(threads)
    full = readers.get(task_id, set(OPTS))

    shown = [readers.get(task_id, opts) for opts in SUBSETS]

    assert shown == [reference(full, opts) for opts in SUBSETS]


@examples(20)
@given(THREADS)
def test_a_page_with_any_opts_is_the_full_one_with_keys_dropped(readers, threads):
    task_ids = readers.load(threads, count=3)
    batch_id = f"batch_{task_ids[0].split('_')[1]}"
    full = [readers.get(task_id, set(OPTS)) for task_id in task_ids]

    shown = [readers.list(batch_id, opts) for opts in SUBSETS]

    assert shown == [[reference(task, opts) for task in full] for opts in SUBSETS]


@examples(20)
@given(THREADS)
def test_with_all_opts_a_task_is_shown_as_it_was_imported(readers, threads):
    (task_id,) = readers.load(threads)

    shown = readers.get(task_id, set(OPTS))["threads"]

    given_ids = [
        one.get("id") for t in threads for _, found in annotation_lists(t) for one in found
    ]
    for (_, found), had_id in zip(_each(shown), given_ids, strict=True):
        if had_id is None:
            del found["id"]
    assert shown == threads


PARTS = {
    "text": "x",
    "reference_texts": [{}],
    "attachments": [{"name": "a"}],
    "chunks": [{"type": "text", "text": "c", "annotations": [make_annotation(title="t")]}],
    "reasoning": [],
}


@pytest.fixture(scope="module")
def mixed_contents(readers: Readers) -> str:
    """The id of a task that has a message with each combination of parts."""
    combinations = [some for size in range(6) for some in itertools.combinations(PARTS, size)]
    messages = [
        make_message(f"m{number}", content={part: PARTS[part] for part in parts})
        for number, parts in enumerate(combinations)
    ]
    return readers.load([make_thread(turns=[make_turn(messages=messages)])])[0]


@every_case("opts", SUBSETS)
def test_contents_with_every_combination_of_parts_are_shown_with_keys_dropped(
    readers, mixed_contents, opts
):
    full = readers.get(mixed_contents, set(OPTS))

    shown = readers.get(mixed_contents, opts)

    assert shown == reference(full, opts)


def _each(threads: list[Any]) -> list[tuple[str, Any]]:
    return [(level, one) for t in threads for level, found in annotation_lists(t) for one in found]


@pytest.fixture(scope="module")
def rich(readers: Readers) -> str:
    """The id of a task that has every optional part."""
    return readers.load(full_task()["threads"])[0]


LEVELS = ("thread", "turn", "criterion", "message", "chunk", "evaluation", "score")


@every_case("level", LEVELS)
def test_annotation_details_are_shown_at_every_level(readers, rich, level):
    task = readers.get(rich, {"annotation_details"})

    shown = [one for name, one in _each(task["threads"]) if name == level]

    assert set().union(*shown) >= DETAILS


@every_case("level", LEVELS)
def test_without_details_an_annotation_is_id_key_type_and_value(readers, rich, level):
    task = readers.get(rich, {"submissions"})

    shown = [one for name, one in _each(task["threads"]) if name == level]

    assert {tuple(one) for one in shown} - {(*PLAIN, "votes")} == {PLAIN}


@every_case("opts, is_shown", [((), True), *((one, False) for one in OTHERS)])
def test_model_parameters_are_shown_by_default_and_not_beside_other_opts(
    readers, rich, opts, is_shown
):
    """Absent, the default set; present, exactly the listed ones (A2)."""
    task = readers.client.get("/v2/task", params={"task_id": rich, "opts": opts}).json()

    message = task["threads"][0]["turns"][0]["messages"][1]

    assert ("model_parameters" in message) is is_shown


@every_case("opts", SUBSETS)
def test_parts_without_an_option_are_always_shown(readers, rich, opts):
    turn = readers.get(rich, opts)["threads"][0]["turns"][0]

    message = turn["messages"][1]

    assert {"reference_texts", "chunks", "reasoning"} <= set(message["content"])
    assert "rubric_evaluations" in message
    assert "rubrics" in turn


def test_votes_come_with_submissions_and_not_with_annotation_details(readers, rich):
    with_votes = {
        tuple(sorted(opts))
        for opts in SUBSETS
        if any("votes" in one for _, one in _each(readers.get(rich, opts)["threads"]))
    }

    assert with_votes == {tuple(sorted(opts)) for opts in SUBSETS if "submissions" in opts}


def test_the_operator_chooses_what_absent_opts_means(world):
    world.load([full_task()])
    chosen = Opts.submissions | Opts.attachment_details
    world.settings = msgspec.structs.replace(world.settings, default_opts=chosen)

    with world.client() as client:
        default = client.get("/v2/task?task_id=task_full").json()
        named = client.get("/v2/task?task_id=task_full&opts=submissions,attachment_details").json()

    assert default == named


def test_members_given_as_null_are_as_good_as_absent(world, client):
    """Contract 1.2: absent and null mean the same, and unset fields are not written."""
    parts = {"attachments": None, "chunks": None, "text": "x"}
    nulls = {"model_parameters": None, "rubric_evaluations": None}
    bare = make_annotation(title=None, labels=None, possible_values=None, metadata=None, votes=None)
    message = make_message(content=parts, annotations=[bare], **nulls)
    turns = [make_turn(messages=[message], rubrics=None)]
    world.load([make_task(threads=[make_thread(turns=turns, submissions=None)])])

    answer = client.get("/v2/task", params={"task_id": "task_123", "opts": OPTS})

    assert "null" not in answer.text


@pytest.mark.parametrize("row", [one for one in mixed_tasks() if one["status"] != "completed"])
def test_a_task_that_is_not_completed_looks_the_same_with_all_opts(world, client, row):
    """In particular its prepared conversation does not show through."""
    world.load([row])
    default = client.get("/v2/task", params={"task_id": row["task_id"]}).json()

    shown = client.get("/v2/task", params={"task_id": row["task_id"], "opts": OPTS}).json()

    assert shown == default
