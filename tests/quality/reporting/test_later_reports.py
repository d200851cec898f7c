"""Later reports: what has changed is read, and what comes of it is what a whole reading gives."""

from __future__ import annotations

import random

import msgspec
import pytest

from plaudit.core.quality.reporting import project_reading
from plaudit.core.quality.reporting.options import ReportOptions
from plaudit.core.quality.reporting.report import quality_report
from plaudit.core.quality.reporting.snapshots import Part, SnapshotMaker, find_snapshot, read_part
from plaudit.core.tasks import lifecycle
from plaudit.core.tasks.annotation_lookup import threads_of
from plaudit.model.core import ALL_OPTS
from plaudit.store.quality import snapshots, task_pages
from tests.support.builders import make_annotation, make_message, make_task, make_thread, make_turn
from tests.support.databases.statement_counter import counting
from tests.support.harness import one_engine
from tests.support.labeling_project import LabelingProject, make_content

FORM = {
    "fields": [
        {"key": "topic", "level": "thread", "type": "category", "possible_values": ["a", "b", "c"],
         "required": False},
        {"key": "better", "level": "turn", "type": "integer", "scale": "low_is_first",
         "consolidate": "first"},
        {"key": "ranks", "level": "turn", "type": "ranked_groups", "consolidate": "first"},
        {"key": "tags", "level": "turn", "type": "category_multiple",
         "possible_values": ["x", "y", "z"], "consolidate": "first"},
        {"key": "stars", "level": "message", "type": "integer"},
        {"key": "errors", "level": "message", "type": "labeled_text", "labels": ["e"]},
        {"key": "anew", "level": "message", "type": "text", "use": "rewrite"},
    ]
}  # fmt: skip
MODELS = ("heron", "tern", "gull")
PEOPLE = ("ann", "bob", "cat", "dan")


class Changing:
    """A project that changes at random, and its reports."""

    def __init__(self, world, seed=1, **options):
        self.world, self.random = world, random.Random(seed)
        self.floor = LabelingProject(world, "P", form=FORM, overlap=2, models=["grebe"])
        self.batches = [self.floor.batch(name) for name in ("First", "Second")]
        self.options = ReportOptions(**options)
        self.task_ids = []
        self.create(8)

    def create(self, count):
        for _ in range(count):
            names = self.random.sample(MODELS, 2)
            texts = [self.random.choice(("# A\n\n- b", "I am GPT-4", "**c** d")) for _ in names]
            self.task_ids += self.floor.create(
                content=make_content(
                    make_turn(
                        messages=[
                            make_message("user", f"Q {len(self.task_ids)}"),
                            *map(make_message, names, texts),
                        ]
                    )
                ),
                batch=self.random.choice(self.batches),
                metadata={"lang": self.random.choice(("en", "de"))},
            )

    def work(self, count):
        for _ in range(count):
            lease = self.floor.lease_next(self.random.choice(PEOPLE))
            if lease is not None:
                is_odd = self.random.random() < 0.3
                choose = self.random.choice if is_odd else None
                self.floor.submit(lease, self.floor.answers(lease, choose))

    def import_done(self, task_id, value, *, replace=False):
        """Import a finished task of two people."""
        votes = [{"contributor_id": f"p{number}", "value": value} for number in (1, 2)]
        note = make_annotation("stars", value, votes=votes)
        chosen = make_annotation("selected_model_id", MODELS[value % 2])
        turn = make_turn(
            messages=[
                make_message("user", "Q?"),
                make_message("heron", "x" * value, annotations=[note]),
                make_message("tern", "yy"),
            ],
            annotations=[chosen],
        )
        task = make_task(task_id, threads=[make_thread(turns=[turn])])
        rows = [task | {"project": None, "batch": None, "metadata": {"lang": "fr"}}]
        assert self.world.load(rows, project="P", replace=replace)[1] == []

    def done(self):
        """Tasks that are completed."""
        return [one for one in self.task_ids if self.floor.task(one).body is not None]

    def change_anything(self):
        """Change something by each of the ways that there are."""
        floor = self.floor
        chosen = self.random.choice(self.done())

        async def correct(tx, environment_id, task):
            return await lifecycle.correct_task(
                tx, environment_id, task, msgspec.to_builtins(threads_of(task, int(ALL_OPTS)))
            )

        async def metadata(tx, environment_id, task):
            await lifecycle.set_metadata(
                tx, environment_id, task.task_id, {"lang": "it"}, merge=True
            )

        way = self.random.choice((correct, metadata, lifecycle.reopen_task))
        floor.move(way, chosen)

    def make(self):
        """The JSON of a report that is kept."""
        maker = SnapshotMaker(self.world.db, self.floor.project, self.options)

        async def run():
            row = await maker.make(lambda phase, done: None)
            await self.world.db.write(lambda tx: maker.show(tx, row))
            await maker.delete_others()
            async with self.world.db.read() as tx:
                snapshot = await find_snapshot(tx, row.project_key)
                return b"".join(await read_part(tx, snapshot, Part.report))

        return self.world.run(run())

    def whole(self):
        """The JSON of a report for which everything is read."""
        report = quality_report(self.world.db, self.floor.project, self.options)
        return msgspec.json.encode(self.world.run(report))


@pytest.fixture
def walks(monkeypatch):
    """Seqs of tasks that were read one by one, and "all" for each walk over all of them."""
    found = []
    of, pages = task_pages.list_judged_of, task_pages.list_judged_tasks

    async def listed(tx, project_key, seqs):
        found.extend(seqs)
        return await of(tx, project_key, seqs)

    async def paged(tx, project_key, *, after_seq, limit):
        rows = await pages(tx, project_key, after_seq=after_seq, limit=limit)
        found.extend(["all"] if after_seq == -1 else [row.seq for row in rows])
        return rows

    monkeypatch.setattr(task_pages, "list_judged_of", listed)
    monkeypatch.setattr(task_pages, "list_judged_tasks", paged)
    return found


@one_engine
@pytest.mark.parametrize(
    "options",
    [
        {"by": "batch", "styles": ("length", "lists")},
        {"by": "lang"},
        {"by": "model", "without_leaks": True},
        {"by": "week", "question": "stars"},
    ],
    ids=str,
)
def test_a_later_report_equals_one_that_reads_everything(world, options, walks):
    project = Changing(world, **options)
    project.work(24)
    project.import_done("voted_0", 3)
    project.make()
    walks.clear()
    for number in range(1, 5):
        project.work(2)
        project.change_anything()
        project.import_done(f"voted_{number % 2}", number, replace=True)
        project.create(1)
        later = project.make()

        assert "all" not in walks
        assert later == project.whole()
        walks.clear()


def test_a_later_report_reads_the_tasks_that_changed_and_no_others(world, walks):
    project = Changing(world, by="batch")
    project.work(16)
    project.make()
    walks.clear()
    first = project.done()[0]
    again = next(one for one in project.task_ids if one != first)

    with counting() as nothing:
        project.make()
    assert walks == []
    project.create(1)
    project.floor.move(lifecycle.reopen_task, first)
    project.floor.write(
        lambda tx: lifecycle.set_metadata(
            tx, project.floor.environment_id, again, {"lang": "nl"}, merge=True
        )
    )
    with counting() as some:
        project.make()

    changed = [project.floor.task(one).seq for one in (first, again, project.task_ids[-1])]
    assert sorted(walks) == sorted(changed)
    assert len(some) - len(nothing) <= 12
    assert not [sql for sql, _ in some.calls if "FROM vote WHERE" in sql and "seq IN" not in sql]


@pytest.mark.parametrize("what", ["name of a batch", "form", "options", "model", "damage"])
def test_everything_is_read_where_what_is_kept_does_not_suffice(world, what, walks):
    project = Changing(world, by="batch")
    project.work(8)
    project.make()
    walks.clear()
    if what == "name of a batch":
        project.floor.write(
            lambda tx: tx.run(
                "UPDATE batch SET name = 'Anew', name_key = 'anew' WHERE name = 'First'", {}
            )
        )
    elif what == "form":
        project.floor.set(form={"fields": FORM["fields"][:5]})
    elif what == "options":
        project.options = ReportOptions(by="model")
    elif what == "model":
        project.floor.set(models=["avocet"])
    else:
        project.floor.write(
            lambda tx: tx.run("UPDATE quality_part SET content = :other", {"other": b"x"})
        )

    assert project.make() == project.whole()
    assert "all" in walks


def test_facts_that_are_too_large_are_not_kept(world, walks, monkeypatch):
    monkeypatch.setattr(project_reading, "STATE_BYTES_MAX", 10)
    project = Changing(world)
    project.work(8)
    project.make()
    walks.clear()

    assert project.make() == project.whole()
    assert "all" in walks


def test_what_the_next_report_has_written_stays_when_the_one_before_is_cleaned_up(world):
    project = LabelingProject(world)
    key = project.project.project_key
    first, second = (SnapshotMaker(world.db, project.project, ReportOptions()) for _ in range(2))

    async def run():
        row = await first.make(lambda phase, done: None)
        await world.db.write(lambda tx: first.show(tx, row))
        await second.keep_facts(b"facts")
        await first.delete_others()
        async with world.db.read() as tx:
            return await snapshots.list_pieces(
                tx, key, second.snapshot_id, "facts", after=-1, limit=9
            )

    assert len(world.run(run())) == 1
