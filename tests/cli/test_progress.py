"""Progress of objects that come one by one: number, rate, and how many there are, if known."""

from __future__ import annotations

from rich.console import Console
from rich.progress import Progress

from plaudit.cli.progress import RateColumn, counting


def rendered(total, steps):
    moments = iter(range(100))
    progress = Progress(disable=True, get_time=lambda: next(moments))
    bar = progress.add_task("tasks", total=total)
    for completed in steps:
        progress.update(bar, completed=completed)
    return RateColumn().render(progress.tasks[0]).plain


def test_number_and_rate_are_shown_and_the_number_of_all_where_it_is_known():
    assert rendered(None, []) == "0"
    assert rendered(None, [500, 1500]).startswith("1,500, ")
    assert rendered(None, [500, 1500]).endswith("/s")
    assert rendered(20_000, []) == "0 of about 20,000"


def test_words_of_a_server_are_no_markup():
    progress = counting()
    progress.add_task("tasks of [/b] [red]One", total=None)
    console = Console(width=200)

    with console.capture() as capture:
        console.print(progress.make_tasks_table(progress.tasks))

    assert "tasks of [/b] [red]One" in capture.get()
