"""OpenAssistant trees: the counts of the published file, the shape of a tree, and broken trees."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from typing import Any

import pytest

from plaudit.formats import oasst as oasst_format
from tests.support.harness import SHARED_DATA, one_engine, walk
from tests.support.running.every_case import every_case


@pytest.fixture
def published(world, client, oasst) -> list[Any]:
    """The published trees, imported and read back through the API."""
    summary, rejects = world.load(oasst, "oasst", project="Trees")
    assert (str(summary), rejects) == ("tasks: 100 added", [])
    return walk(client, project_name="Trees")


@pytest.fixture(scope="session")
def expected() -> dict[str, int]:
    path = SHARED_DATA / "expected.json"
    if not path.exists():
        pytest.skip("the folder with real data sets is not beside this checkout")
    return json.loads(path.read_text())["oasst-en100"]


def turns_of(tasks: list[Any]) -> list[tuple[int, Any]]:
    """Every turn with how many turns follow it in its thread, repeats included."""
    return [
        (len(thread["turns"]) - number, turn)
        for task in tasks
        for thread in task["threads"]
        for number, turn in enumerate(thread["turns"], 1)
    ]


def distinct_turns(tasks: list[Any]) -> dict[tuple[str, str], Any]:
    """The turns without the repeats that shared beginnings make, by task and turn id."""
    return {
        (task["task_id"], turn["id"]): turn
        for task in tasks
        for thread in task["threads"]
        for turn in thread["turns"]
    }


def value_of(turn: Any, key: str) -> Any:
    """The value of a turn's annotation; None if it has none of that key."""
    return next((one["value"] for one in turn["annotations"] if one["key"] == key), None)


def answers_of(turn: Any) -> list[Any]:
    return [message for message in turn["messages"] if message["role"] == "assistant"]


# --- the published file ---


@one_engine
def test_every_message_of_the_published_trees_is_there_once(published, expected):
    turns = distinct_turns(published).values()
    roles = Counter(message["role"] for turn in turns for message in turn["messages"])

    assert len(published) == expected["trees"]
    assert roles == {
        "user": expected["user_messages"],
        "assistant": expected["assistant_messages"],
    }


@one_engine
def test_every_path_of_the_published_trees_is_a_thread(published, expected):
    threads = [thread for task in published for thread in task["threads"]]
    answered = [thread for thread in threads if answers_of(thread["turns"][-1])]

    assert len(threads) == expected["leaf_turns"] == 359
    assert len({json.dumps([turn["id"] for turn in one["turns"]]) for one in threads}) == 359
    without_unanswered = {
        tuple(turn["id"] for turn in thread["turns"] if answers_of(turn)) for thread in threads
    }
    ends = {path for path in without_unanswered if not any(
        other != path and other[: len(path)] == path for other in without_unanswered
    )}  # fmt: skip
    assert len(ends) == expected["leaf_answered_turns"]
    assert len(threads) - len(answered) == expected["user_without_reply"]


@one_engine
def test_turns_have_as_many_responses_as_published(published, expected):
    counts = Counter(len(answers_of(turn)) for turn in distinct_turns(published).values())

    published_counts = {
        int(name.split("_")[1]): count
        for name, count in expected.items()
        if name.startswith("turns_") and name.endswith("_responses")
    }
    assert counts == published_counts | {0: expected["user_without_reply"]}
    assert sum(published_counts.values()) == expected["turns_with_reply"]


@one_engine
def test_the_delivered_rankings_give_the_published_number_of_pairs(published, expected):
    """Shared turns repeat on the wire; told apart by task and turn id, none counts twice."""
    rankings = {
        place: value_of(turn, "ranking")
        for place, turn in distinct_turns(published).items()
        if value_of(turn, "ranking") is not None
    }
    pairs = {(place, *pair) for place, order in rankings.items()
             for pair in itertools.combinations(order, 2)}  # fmt: skip
    whole = {
        place: order
        for place, order in rankings.items()
        if len(order) == len(answers_of(distinct_turns(published)[place]))
    }
    of_whole = {(place, a, b) for place, a, b in pairs if place in whole}
    best = {(place, a, b) for place, a, b in of_whole if a == whole[place][0]}

    assert len(whole) == expected["ranked_turns"] == 211
    assert len(of_whole) == expected["pairs_all"] == 751
    assert len(pairs) == expected["pairs_all_partial_ok"] == 754
    assert len(best) == expected["pairs_best_vs_rest"] == 427


@one_engine
def test_the_best_of_a_whole_ranking_is_selected(published):
    """Of a ranking in part nothing is: the best ranked was not compared with the others."""
    for turn in distinct_turns(published).values():
        sources = [message["source_id"] for message in answers_of(turn)]
        ranking, selected = value_of(turn, "ranking"), value_of(turn, "selected_model_id")
        assert set(ranking or ()) <= set(sources)
        is_whole = ranking is not None and len(ranking) == len(sources)
        assert selected == (ranking[0] if is_whole else None)


@one_engine
def test_turns_with_several_answers_that_are_not_fully_ranked_select_none(published, expected):
    turns = [turn for turn in distinct_turns(published).values() if len(answers_of(turn)) > 1]
    unselected = [turn for turn in turns if value_of(turn, "selected_model_id") is None]
    unranked = [turn for turn in unselected if value_of(turn, "ranking") is None]

    assert len(unselected) == expected["multi_unranked_or_partial"]
    assert len(unselected) - len(unranked) == 1


@one_engine
def test_turns_that_threads_share_keep_their_ids(published):
    """A turn is the same in each thread but for the answer it goes on from, if that differs."""
    seen: dict[tuple[str, str], Any] = {}
    repeats = 0
    for place, turn in [
        ((task["task_id"], turn["id"]), turn)
        for task in published
        for thread in task["threads"]
        for turn in thread["turns"]
    ]:
        repeats += place in seen
        first = seen.setdefault(place, turn)
        if value_of(first, "continued_from") == value_of(turn, "continued_from"):
            assert turn == first
        texts = [(one["source_id"], one["content"]) for one in turn["messages"]]
        assert texts == [(one["source_id"], one["content"]) for one in first["messages"]]
    assert repeats > 200


@one_engine
def test_a_thread_goes_on_from_the_answer_that_was_replied_to(published):
    """It is not always the best one, so it is said."""
    followed = [(turn, left) for left, turn in turns_of(published)]

    assert all((value_of(turn, "continued_from") is None) == (left == 0) for turn, left in followed)
    sources = [
        (value_of(turn, "continued_from"), [one["source_id"] for one in answers_of(turn)])
        for turn, left in followed
        if left
    ]
    assert all(chosen in offered for chosen, offered in sources)
    assert any(
        value_of(turn, "ranking")
        and value_of(turn, "ranking")[0] != value_of(turn, "continued_from")
        for turn, left in followed
        if left
    )


@one_engine
def test_the_quirks_of_the_published_file_survive(published, oasst):
    messages = [one for turn in distinct_turns(published).values() for one in turn["messages"]]
    models = Counter(one.get("model_parameters", {}).get("model") for one in messages)
    texts = [one["content"]["text"] for one in messages]
    source = [json.loads(line) for line in oasst.read_text("utf-8").splitlines()]

    assert models["chip20b"] == 22
    assert max(map(len, texts)) == 9_573
    assert sum("```" in text for text in texts) == 34
    assert sum(not text.isascii() for text in texts) == 79
    assert [task["metadata"]["oasst_tree_id"] for task in published] == [
        tree["message_tree_id"] for tree in source
    ]
    assert {task["status"] for task in published} == {"completed"}


def test_importing_the_published_trees_again_changes_nothing(world, published, oasst):
    summary, rejects = world.load(oasst, "oasst", project="Trees")

    assert (str(summary), rejects) == ("tasks: 100 unchanged", [])


# --- small trees ---


def node(message_id: str, role: str = "assistant", *replies: Any, **fields: Any) -> Any:
    """A message of a tree. Ids are padded, as sources are named by their first 8 characters."""
    return {
        "message_id": message_id.ljust(8, "0") + "-rest",
        "text": f"Text of {message_id}.",
        "role": role,
        "replies": list(replies),
    } | fields


def tree(prompt: Any, tree_id: str = "t1") -> Any:
    return {"message_tree_id": tree_id, "tree_state": "ready_for_export", "prompt": prompt}


BRANCHED = tree(
    node("q1", "prompter",
        node("a1", "assistant", node("q2", "prompter"), node("q3", "prompter"), rank=1,
             review_count=3, emojis={"+1": 2, "-1": 0, "red_flag": 1, "_skip_reply": 9}),
        node("a2", "assistant", node("q4", "prompter", node("a3", rank=0)), rank=0,
             model_name="chip20b"),
        node("a4", rank=2),
    )
)  # fmt: skip


@pytest.fixture
def branched(world, client) -> Any:
    world.load([BRANCHED], "oasst", project="Trees")
    [task] = walk(client, project_name="Trees")
    return task


@one_engine
def test_each_way_through_a_tree_is_a_thread_in_the_order_of_the_tree(branched):
    paths = [[turn["id"] for turn in thread["turns"]] for thread in branched["threads"]]

    assert branched["task_id"] == "oasst_t1"
    assert [thread["id"] for thread in branched["threads"]] == ["thread_0", "thread_1", "thread_2"]
    assert paths == [
        ["turn_q1000000-rest", "turn_q2000000-rest"],
        ["turn_q1000000-rest", "turn_q3000000-rest"],
        ["turn_q1000000-rest", "turn_q4000000-rest"],
    ]
    chosen = [value_of(thread["turns"][0], "continued_from") for thread in branched["threads"]]
    assert chosen == ["oasst_a1000000", "oasst_a1000000", "oasst_a2000000"]


@one_engine
def test_a_turn_holds_a_prompt_all_its_answers_and_what_was_said_of_them(branched):
    turn = branched["threads"][2]["turns"][0]
    [_, first, second, _] = turn["messages"]

    assert [message["source_id"] for message in turn["messages"]] == [
        "user", "oasst_a1000000", "oasst_a2000000", "oasst_a4000000",
    ]  # fmt: skip
    assert {one["key"]: one["value"] for one in first["annotations"]} == {
        "thumbs_up": 2, "thumbs_down": 0, "red_flag": 1, "review_count": 3,
    }  # fmt: skip
    assert {one["type"] for one in first["annotations"]} == {"integer"}
    assert second["model_parameters"] == {"model": "chip20b"}
    assert value_of(turn, "ranking") == ["oasst_a2000000", "oasst_a1000000", "oasst_a4000000"]
    assert value_of(turn, "selected_model_id") == "oasst_a2000000"


def annotations_of(root: Any) -> dict[str, Any]:
    """The values of the annotations of a tree's first turn, by key."""
    [(_, task, _)] = oasst_format.read(tree(root))
    return {one["key"]: one["value"] for one in task["threads"][0]["turns"][0]["annotations"]}


def test_one_ranked_answer_gives_no_ranking():
    assert annotations_of(node("q1", "prompter", node("a1", rank=0))) == {}
    assert annotations_of(node("q1", "prompter", node("a1", rank=0), node("a2"))) == {}


def test_a_turn_that_is_ranked_in_part_keeps_the_order_of_the_ranked_and_selects_none():
    root = node("q1", "prompter", node("a1", rank=4), node("a2"), node("a3", rank=1))

    assert annotations_of(root) == {"ranking": ["oasst_a3000000", "oasst_a1000000"]}


def test_answers_with_one_rank_are_equals():
    first_shared = node("q1", "prompter", *(node(f"a{n}", rank=n // 3) for n in (1, 2, 3)))
    last_shared = node("q1", "prompter", *(node(f"a{n}", rank=n // 2) for n in (1, 2, 3)))

    assert annotations_of(first_shared) == {
        "ranked_groups": [["oasst_a1000000", "oasst_a2000000"], ["oasst_a3000000"]]
    }
    assert annotations_of(last_shared) == {
        "ranked_groups": [["oasst_a1000000"], ["oasst_a2000000", "oasst_a3000000"]],
        "selected_model_id": "oasst_a1000000",
    }


@one_engine
def test_a_tree_as_deep_as_the_guard_allows_is_one_thread(world, client):
    last = node("q15", "prompter")
    for number in range(14, -1, -1):
        last = node(f"q{number}", "prompter", node(f"a{number}", "assistant", last))
    world.load([tree(last)], "oasst", project="Trees")

    [task] = walk(client, project_name="Trees")

    assert [len(thread["turns"]) for thread in task["threads"]] == [16]


def wide(count: int) -> Any:
    """A tree of three rounds with `count` follow-ups to each answer: count cubed threads."""
    numbers = itertools.count()

    def asked(rounds: int) -> Any:
        more = [asked(rounds - 1) for _ in range(count)] if rounds else []
        answer = node(f"a{next(numbers)}", "assistant", *more)
        return node(f"q{next(numbers)}", "prompter", answer)

    return tree(asked(3))


BROKEN: dict[str, tuple[Any, str, str]] = {
    "no tree": ([1], "", "object"),
    "no id": ({"prompt": node("q1", "prompter")}, "", "message_tree_id"),
    "no prompt": ({"message_tree_id": "t1"}, "/prompt", "prompt"),
    "null as prompt": ({"message_tree_id": "t1", "prompt": None}, "/prompt", "object"),
    "an answer first": (tree(node("a1")), "/prompt/role", "'prompter'"),
    "a prompt to a prompt": (
        tree(node("q1", "prompter", node("a1"), node("q2", "prompter"))),
        "/prompt/replies/1/role", "'assistant'",
    ),
    "an unknown role": (
        tree(node("q1", "prompter", node("a1", "system"))), "/prompt/replies/0/role", "'assistant'",
    ),
    "no text": (
        tree(node("q1", "prompter", node("a1", "assistant", node("q2", "prompter", text=None)))),
        "/prompt/replies/0/replies/0/text", "str",
    ),
    "no message id": (tree({"text": "x", "role": "prompter"}), "/prompt", "message_id"),
    "a rank that is text": (
        tree(node("q1", "prompter", node("a1", rank="0"))), "/prompt/replies/0/rank", "int",
    ),
    "no list of replies": (tree(node("q1", "prompter", replies={})), "/prompt/replies", "array"),
    "emojis that are no counts": (tree(node("q1", "prompter", emojis={"+1": "a"})),
                                  "/prompt/emojis", "int"),
    "a tree id of 300": (tree(node("q1", "prompter"), "x" * 300), "/message_tree_id", "255"),
    "two answers with one name": (
        tree(node("q1", "prompter", node("a1"), node("a1", text="Other.", rank=1))),
        "/prompt/replies/1/message_id", "twice",
    ),
    "too many threads": (wide(22), "", "threads"),
}  # fmt: skip


@one_engine
@every_case("row, pointer, message", BROKEN.values())
def test_a_broken_tree_is_refused_with_its_place_and_the_next_one_read(
    world, row, pointer, message
):
    world = world.tenant()
    summary, [reject] = world.load([row, BRANCHED], "oasst", project="Trees")

    assert (summary.total("added"), summary.total("rejected"), reject.line) == (1, 1, 1)
    assert message in reject.message
    assert reject.pointer == pointer
