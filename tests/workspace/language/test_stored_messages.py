"""What imports and jobs left in the store in English, in the language of whoever reads it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from plaudit.store.transfer import jobs
from plaudit.store.transfer.jobs import Job, JobKind, JobState, RejectedRow
from plaudit.workspace.language.languages import LANGUAGES
from plaudit.workspace.language.problem_texts import recognized
from plaudit.workspace.language.speech import speaking
from plaudit.workspace.transfer.result_words import result_words
from tests.support.pages.browser_client import add_person, signed_in

GERMAN, SPANISH = LANGUAGES["de"], LANGUAGES["es"]


@pytest.mark.parametrize(
    ("stored", "german", "spanish"),
    [
        ("the row has no prompt", "die Zeile hat keinen Prompt", "la fila no tiene prompt"),
        (
            "row 3 cannot be read: the row has no prompt",
            "Zeile 3 ist nicht lesbar: die Zeile hat keinen Prompt",
            "la fila 3 no se puede leer: la fila no tiene prompt",
        ),
        (
            "expected a list, not 'x: y'",
            "erwartet wird eine Liste, nicht 'x: y'",
            "se espera una lista, no 'x: y'",
        ),
        ("a message of tomorrow", "a message of tomorrow", "a message of tomorrow"),
    ],
)
def test_a_stored_reason_is_recognized_with_its_values(stored, german, spanish):
    said = []
    for language in (GERMAN, SPANISH):
        with speaking(language):
            said.append(recognized(stored))

    assert said == [german, spanish]
    assert recognized(stored) == stored


@pytest.mark.parametrize(
    ("stored", "german"),
    [
        ("tasks: 3 added, 1 rejected", "Aufgaben: 3 neu, 1 abgelehnt"),
        (
            "projects: 1 added; tasks: 1200 unchanged",
            "Projekte: 1 neu; Aufgaben: 1.200 unverändert",
        ),
        ("schemas: 2 updated", "Schemata: 2 geändert"),
        ("odd_rows: 2 updated", "odd rows: 2 geändert"),
        ("delivery_0193", "delivery_0193"),
        ("", ""),
    ],
)
def test_a_result_is_said_in_words_and_anything_else_stays(stored, german):
    with speaking(GERMAN):
        assert result_words(stored) == german


def test_a_result_agrees_with_its_numbers():
    with speaking(SPANISH):
        said = result_words("projects: 1 added, 2 rejected; tasks: 3 added, 1 rejected")

    assert said == "proyectos: 1 alta, 2 rechazos; tareas: 3 altas, 1 rechazo"


def test_a_page_of_an_import_speaks_german_and_the_api_english(world):
    environment_id = world.org()
    job = Job(
        environment_id=environment_id,
        job_id="job_1",
        kind=JobKind.import_,
        state=JobState.running,
        user_id="user_1",
        created_ms=1,
        lease_ms=2,
        about=msgspec.json.encode(
            {"file": "a.csv", "format": "trl", "project": "P", "replace": False}
        ),
        progress=b"{}",
    )
    progress = msgspec.json.encode(
        {"result": "tasks: 2 added, 1 rejected", "counts": {"added": 2, "rejected": 1}}
    )

    async def work(tx: Any) -> None:
        await jobs.insert_job(tx, job)
        row = RejectedRow(7, "/prompt", "expected a text, not 5")
        await jobs.insert_rejects(tx, environment_id, job.job_id, 0, [row])
        ending: Any = {"now": 5, "progress": progress, "reason": "", "file_size": None}
        await jobs.end_job(tx, environment_id, job.job_id, JobState.done, **ending)

    world.run(world.db.write(work))
    with signed_in(world, add_person(world, "admin")) as browser:
        page = browser.get("/import/job_1", accept_language="de").text
        listed = browser.get("/import/job_1/rejected.txt", accept_language="de").text

    assert "erwartet wird ein Text, nicht 5" in page
    assert "Aufgaben: 2 neu, 1 abgelehnt" in page
    assert "expected a text, not 5" in listed
