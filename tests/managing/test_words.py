"""Words of tasks: what is found by which words, and when what was said is found no more."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from plaudit.core.managing import indexing, task_list, words
from plaudit.core.quality_control import control_tasks
from plaudit.core.tasks import lifecycle
from plaudit.errors import InvalidContent
from plaudit.store.engine import word_index
from plaudit.store.managing import words as words_store
from plaudit.store.tasks import tasks as tasks_store
from plaudit.store.tasks import unread_tasks
from plaudit.worker import Worker
from tests.managing.managed_project import ManagedProject, saying
from tests.support.builders import make_annotation, make_message, make_task, make_thread, make_turn


@pytest.fixture
def project(world):
    return ManagedProject(world)


FOUND = (
    ("Where is the best pizza in Naples?", ["pizza", "PIZZA", "naples best", "pizz*", "Where"]),
    ("Crème brûlée, bitte – auf der Straße", ["creme", "CRÈME", "strasse", "brûlée bitte"]),
    ("明日は東京都に行きます", ["東京", "東京都", "京都", "都", "行きます"]),
    ("서울에서 만나요", ["서울", "에서"]),
    ("हिन्दी में लिखो", ["हिन्दी", "लिखो"]),
    ("ฉันชอบพิซซ่า", ["ชอบ", "พิซซ่า"]),
    ("Use foo_bar(x) = 42; don't", ["foo_bar", "42", "don't", "x"]),
)


def test_a_task_is_found_by_its_words_in_any_script_case_and_order(project):
    ids = project.say(*(text for text, _ in FOUND))

    for task_id, (_, queries) in zip(ids, FOUND, strict=True):
        for query in queries:
            assert project.find(query) == [task_id], query
    for query in ("izza", "pizza creme", "東に", "foo", "pizzas"):
        assert project.find(query) == [], query


def test_responses_and_what_people_wrote_are_found_as_prompts_are(project):
    [pending] = project.create(content=saying("Why?", "Because of gravity.", "Magnets."))
    done = make_turn(
        messages=[
            make_message("user", "And?"),
            make_message(
                "m", "So.", annotations=[make_annotation("why", "Hallucinated", type="text")]
            ),
        ]
    )
    project.world.load([make_task("done", project=None, threads=[make_thread(turns=[done])])],
                       project="Floor")  # fmt: skip

    assert project.find("gravity") == project.find("magnets why") == [pending]
    assert project.find("hallucinated") == ["done"]


@pytest.mark.parametrize("query", ["", "!?", "piz*", "x" * 301, " ".join(map(str, range(17)))])
def test_what_cannot_be_looked_for_is_refused_at_its_field(query):
    with pytest.raises(InvalidContent) as refused:
        words.terms_of(query)

    assert refused.value.pointer == "/q"


@pytest.mark.parametrize(
    "query", ['" OR 1', "pizza) | !b", "'; DROP", "NEAR(a b)", "a:b -c", "pizza\\"]
)
def test_a_query_has_words_and_no_syntax(project, query):
    project.say("Where is pizza?")

    assert project.find(query) in ([], project.ids())


def test_tasks_are_found_once_they_are_read_and_the_page_says_how_many_are_not(
    project, monkeypatch
):
    monkeypatch.setattr(indexing, "READ_AT_ONCE_MAX", 2)
    project.say("pizza", "pizza", "pizza")

    assert (project.page(text="pizza").rows, project.page(text="pizza").unread_count) == ([], 3)

    assert (
        project.world.run(indexing.read_words(project.world.db, project.project.project_key)) == 2
    )
    page = project.page(text="pizza")
    assert (len(page.rows), page.unread_count) == (2, 1)
    assert project.read_words() == 1
    assert (len(project.page(text="pizza").rows), project.page(text="pizza").unread_count) == (3, 0)
    assert project.read_words() == 0


def test_what_is_replaced_leaves_the_index_with_the_change(project):
    threads = [make_thread(turns=[make_turn(messages=[make_message("user", "secret word")])])]
    project.world.load([make_task("t", project=None, threads=threads)], project="Floor")
    assert project.find("secret") == ["t"]

    threads[0]["turns"][0]["messages"][0]["content"]["text"] = "plain word"
    project.world.load(
        [make_task("t", project=None, threads=threads)], project="Floor", replace=True
    )

    assert (project.ids(text="secret"), project.page(text="word").unread_count) == ([], 1)
    assert project.find("secret") == []
    assert project.find("plain") == ["t"]


def test_a_task_completed_with_threads_is_found_by_these_as_well(project):
    [task_id] = project.create(content=saying("first prompt"))
    project.read_words()
    threads = [make_thread(turns=[make_turn(messages=[make_message("user", "last prompt")])])]

    task = project.task(task_id)
    project.write(lambda tx: lifecycle.complete_task(tx, project.environment_id, task, threads))

    assert project.ids(text="first") == [task_id]
    assert project.find("last") == [task_id]
    assert project.find("first") == []
    project.move(lifecycle.reopen_task, task_id)
    assert project.ids(text="last") == []
    assert project.find("first") == [task_id]


def test_a_change_that_comes_while_a_task_is_read_is_read_again(project, monkeypatch):
    [task_id] = project.create(content=saying("old"))
    key, seq = project.project.project_key, project.seq(task_id)
    project.read_words()

    async def mark(tx):
        await unread_tasks.mark_unread(tx, key, seq)

    async def to_thread(work, *args):
        """Where words are told apart, between the reading of texts and the writing of words."""
        await project.world.db.write(mark)
        return work(*args)

    project.write(mark)
    with monkeypatch.context() as patch:
        patch.setattr(indexing.asyncio, "to_thread", to_thread)
        project.world.run(indexing.read_words(project.world.db, key))

    assert project.page(text="old").unread_count == 1
    assert project.find("old") == [task_id]
    assert project.page(text="old").unread_count == 0


def test_control_tasks_are_never_found(project):
    project.say("pizza")
    project.write(
        lambda tx: control_tasks.create(
            tx, project.project, [b'[{"id":"t","annotations":[],"turns":[{"id":"u","messages":'
            b'[{"role":"user","source_id":"user","annotations":[],"content":{"text":"pizza"}}],'
            b'"annotations":[]}]}]'],
        )
    )  # fmt: skip

    assert len(project.find("pizza")) == 1

    async def read():
        async with project.world.db.read() as tx:
            return await words_store.list_projects_to_index(tx, limit=10)

    assert project.world.run(read()) == []


def test_projects_and_blocks_of_tasks_are_told_apart(world, monkeypatch):
    monkeypatch.setattr(word_index, "BLOCK_BITS", 2)
    monkeypatch.setattr(task_list, "BLOCKS_MAX", 2)
    first, second = ManagedProject(world), ManagedProject(world, "Second")
    mine = first.say(*["pizza"] * 13)
    theirs = second.say(*["pizza"] * 3)

    assert second.find("pizza") == theirs
    assert first.find("pizza") == mine
    assert first.ids("newest", text="pizza") == mine[::-1]
    assert first.ids("newest", limit=2, text="pizza") == mine[::-1]
    assert first.ids("arrival", limit=3, text="pizza") == mine
    page = first.page(text="pizza", limit=50)
    assert [row.task_id for row in page.rows] == mine[:7]


def test_long_conversations_are_read_to_a_bound_and_huge_ones_not_at_all(project, monkeypatch):
    monkeypatch.setattr(words, "TEXT_CHARS_MAX", 100)
    monkeypatch.setattr(words_store, "TEXT_BYTES_MAX", 3_000)
    [long] = project.say("begin " + "x" * 100 + " finish")
    project.say("begin " + "y " * 2_000)

    assert project.find("begin") == [long]
    assert project.find("finish") == []


def test_characters_that_stand_for_whole_words_are_no_more_than_the_index_keeps(project):
    """Ligatures become words of several letters: 18,000 words that are 1.4 MB."""
    ligatures = itertools.product("\ufdf4\ufdf2\ufdf5\ufdf6\ufdf7\ufdf8", repeat=10)
    text = " ".join("".join(one) for one in itertools.islice(ligatures, 18_181))
    found = words.words_of([text])

    assert 0 < sum(len(word.encode()) for word in found) <= words.WORDS_BYTES_MAX
    [full, after] = project.say(text, "pizza")
    assert project.find("pizza") == [after]
    assert project.find(min(found)) == [full]


def test_a_project_whose_words_cannot_be_read_keeps_no_other_one_waiting(world, monkeypatch):
    first, second = ManagedProject(world, "First"), ManagedProject(world, "Second")
    for one in (first, second):
        one.say("pizza")
    read_words = indexing.read_words
    worker = Worker(world.db, world.secret, world.settings)
    for broken, other in ((first, second), (second, first)):

        async def read(db, project_key, broken=broken):
            if project_key == broken.project.project_key:
                raise ValueError("this text is too much")
            return await read_words(db, project_key)

        monkeypatch.setattr(indexing, "read_words", read)
        world.run(worker.read_words())

        assert len(other.ids(text="pizza")) == 1


@pytest.mark.parametrize("is_first", [True, False])
def test_what_is_taken_back_while_it_is_read_is_found_no_more(project, monkeypatch, is_first):
    """Also in a project that nothing was read of before, and where two processes read at once."""
    if not is_first:
        project.find("a")
        project.say("a")
        project.read_words()
    done = make_turn(messages=[make_message("user", "Secret?"), make_message("m", "Yes.")])
    project.world.load([make_task("done", project=None, threads=[make_thread(turns=[done])])],
                       project="Floor")  # fmt: skip
    key, db, waits = project.project.project_key, project.world.db, [True]
    to_thread = asyncio.to_thread

    async def meanwhile(work, *args):
        found = await to_thread(work, *args)
        if waits and work.__name__ == "_words_by_seq":
            waits.clear()
            await db.write(lambda tx: tasks_store.delete_body(tx, key, project_seq))
            if not is_first:
                listed = await indexing.read_words(db, key)
                assert listed == 1
        return found

    project_seq = project.seq("done")
    monkeypatch.setattr(asyncio, "to_thread", meanwhile)
    project.read_words()

    assert project.ids(text="secret") == []
