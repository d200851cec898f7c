"""What imports, mappings and archives say of broken data reaches each reader in her language."""

from __future__ import annotations

import re
import time
from html import unescape
from typing import Any

import msgspec
import pytest

from plaudit.core.transfer import import_summary
from plaudit.store.transfer import jobs
from plaudit.store.transfer.jobs import Job, JobKind, JobState, RejectedRow
from plaudit.workspace.language import message_parts
from plaudit.workspace.language.languages import ENGLISH, LANGUAGES, catalogue
from plaudit.workspace.language.problem_texts import recognized, translation_of
from plaudit.workspace.language.remark_texts import reason_text, remark_text
from plaudit.workspace.language.speech import speaking
from plaudit.workspace.transfer.result_words import result_words
from tests.support.pages.browser_client import add_person, signed_in
from tests.support.source import SOURCE
from tests.support.texts import hostile_imports
from tests.support.texts.code_messages import pieces_of_messages
from tests.support.texts.extraction import PROBLEM_ROOMS, RAISED, extracted, problem_messages
from tests.support.texts.hostile_imports import Said

GERMAN, SPANISH = LANGUAGES["de"], LANGUAGES["es"]
TRANSLATED = [code for code in LANGUAGES if code != ENGLISH.code]

MARKED = {
    "chosen.project_refusal",  # a declaration, whose words are extracted
    "line.failure",
    "line.refusal",  # of a process that says what another module raised
    "wrong.message",
    "quotas.explain_used_up(tx, project, user_id, quota, now)",  # marked with N_ there
    "reason",  # of job_runner: see `in_job_reasons`
    "one",
    "0.2",
}
"""Expressions that hand on what is extracted elsewhere."""

ENGLISH_WORDS = re.compile(
    r"\b(?:the|is|are|were|and|with|of|its?|have|which|cannot|than|this|that|there|stands"
    r"|expected|but|not|be|by|from|more|must)\b"
)
"""Words that stand in nearly every English sentence, and in no German or Spanish one."""


@pytest.fixture(scope="module")
def said_of_rows(tmp_path_factory) -> Said:
    return hostile_imports.said_of_rows(tmp_path_factory.mktemp("rows"))


@pytest.fixture(scope="module")
def said_of_mappings() -> Said:
    return hostile_imports.said_of_mappings()


@pytest.fixture(scope="module")
def said_of_files(tmp_path_factory) -> Said:
    return hostile_imports.said_of_files(tmp_path_factory.mktemp("files"))


def not_translated(messages: set[str]) -> list[str]:
    """Messages that stay English in one of the languages."""
    found = []
    for code in TRANSLATED:
        with speaking(LANGUAGES[code]):
            found += [f"{code}: {one[:200]}" for one in messages if translation_of(one) is None]
    return sorted(found)


def english_left(text: str) -> list[str]:
    """Pieces of a text with an English word outside of quotes."""
    text = re.sub(r"(?:[\w.]+, ){4,}[\w.]+", "", text)  # names of members
    bare = re.sub(r"'(?:[^'\\]|\\.)*'|\"[^\"]*\"|„[^“]*“|«[^»]*»|\[[^\n]*|\{[^\n]*", "", text)
    return [line for line in bare.splitlines() if ENGLISH_WORDS.search(line)]


def test_every_message_of_the_code_is_a_text_that_the_catalogue_has():
    """What raises a problem gives it a text, a constant, or what another call has made."""
    messages = problem_messages()

    assert messages.unknown - MARKED == set()
    assert len(messages.reasons) > 800
    assert len(messages.remarks) > 60
    assert len([one for one in extracted() if one.context == "problem"]) > 950


def test_a_message_is_not_put_together_of_pieces_of_sentences():
    """`f"{'this key' if … else 'this team'} has none"` is two messages, or has known parts."""
    pieces = {
        one
        for where, one in pieces_of_messages(PROBLEM_ROOMS, {*RAISED, "remark"})
        if where != "core/common/server_secret.py"  # said as the server starts
    }

    assert pieces - set(message_parts.PARTS) == set()


def test_a_part_of_a_message_stands_in_the_code_that_says_it():
    code = "\n".join(path.read_text() for folder in ("formats", "core", "wire")
                     for path in sorted((SOURCE / folder).rglob("*.py")))  # fmt: skip
    kinds = {kind.replace("_", " ") for kind in import_summary.KINDS}
    kinds |= {f"{article} {kind}" for kind in kinds for article in ("a", "an")}

    assert [one for one in message_parts.PARTS if one not in kinds and f'"{one}' not in code] == []


def test_a_kind_of_row_in_an_archive_has_a_word():
    kinds = {kind.replace("_", " ") for kind in import_summary.KINDS}
    summary = import_summary.Summary()
    for kind in import_summary.KINDS:
        summary.add(kind, "added")
    with speaking(GERMAN):
        said = result_words(str(summary))

    assert kinds <= set(message_parts.PARTS)
    assert [kinds_listed for kinds_listed, _ in summary.list_counts()
            if f" {kinds_listed.replace('_', ' ')}: " in f" {said}"
            and kinds_listed not in ("teams",)] == []  # fmt: skip


def test_what_formats_say_of_broken_rows_is_translated(said_of_rows):
    with speaking(GERMAN):
        remarks = [one for one in said_of_rows.remarks if remark_text(one) == one]

    assert len(said_of_rows.reasons) > 400
    assert len(said_of_rows.remarks) > 100
    assert not_translated(said_of_rows.reasons) == []
    assert remarks == []


def test_what_is_said_of_a_mapping_is_translated(said_of_mappings):
    assert len(said_of_mappings.reasons) > 70
    assert not_translated(said_of_mappings.reasons) == []


def test_what_is_said_of_a_broken_file_is_translated(said_of_files):
    assert len(said_of_files.reasons) > 30
    assert not_translated(said_of_files.reasons) == []


@pytest.mark.parametrize("code", TRANSLATED)
def test_no_english_sentence_is_left_in_a_translated_message(
    code, said_of_rows, said_of_mappings, said_of_files
):
    """What a library says of a damaged file is quoted behind a colon, and stays as it is."""
    reasons = said_of_rows.reasons | said_of_mappings.reasons | said_of_files.reasons
    with speaking(LANGUAGES[code]):
        texts = [recognized(one) for one in reasons if "damaged" not in one]
        texts += map(remark_text, said_of_rows.remarks)

    assert [line for one in texts for line in english_left(one)] == []


@pytest.mark.parametrize(
    ("stored", "german", "spanish"),
    [
        (
            "1,200 × a response is empty or blank; it is kept, and no training file will have it"
            " (a.csv:3, b (1).csv:7, …)",
            "1.200 × eine Antwort des Modells ist leer; sie bleibt erhalten, aber keine"
            " Trainingsdatei wird sie enthalten (a.csv:3, b (1).csv:7, …)",
            "1.200 × una respuesta está vacía o en blanco; se conserva, y ningún archivo de"
            " entrenamiento la tendrá (a.csv:3, b (1).csv:7, …)",
        ),
        (
            "2 × an annotation was cancelled (skipped); it is no vote and stays in the metadata",
            "2 × eine Annotation wurde abgebrochen (übersprungen); sie ist keine Stimme und bleibt"
            " in den Metadaten",
            "2 × una anotación se canceló (se omitió); no es un voto y queda en los metadatos",
        ),
        ("3 × no preference", "3 × keine Präferenz", "3 × sin preferencia"),
        (
            "the mapping was not saved: the value '2' of 'v' is not in the mapping",
            "die Zuordnung wurde nicht gespeichert: der Wert '2' von 'v' steht nicht in der"
            " Zuordnung",
            "la correspondencia no se guardó: el valor '2' de 'v' no está en la correspondencia",
        ),
        ("4 × a remark of tomorrow (a.csv:3)",) * 3,
        ("(" * 2000 + ")",) * 3,
    ],
)
def test_a_remark_is_said_with_its_count_and_its_rows(stored, german, spanish):
    said = []
    for language in (GERMAN, SPANISH):
        with speaking(language):
            said.append(remark_text(stored))

    assert said == [german, spanish]
    assert remark_text(stored) == stored


def test_a_reason_of_an_export_is_said_with_the_rule_of_its_format():
    with speaking(GERMAN):
        assert reason_text("cannot be written: the reference text is blank") == (
            "nicht darstellbar: der Referenztext ist leer"
        )
        assert reason_text("empty response") == "leere Antwort"
    assert reason_text("empty response") == "empty response"


@pytest.mark.parametrize(
    ("stored", "german", "spanish"),
    [
        (
            "expected 'array | null', got 'int'",
            "erwartet wird eine Liste oder null, nicht eine ganze Zahl",
            "se espera una lista o null, no un entero",
        ),
        (
            "object missing required field 'turns'",
            "dem Objekt fehlt das nötige Feld 'turns'",
            "al objeto le falta el miembro obligatorio 'turns'",
        ),
        (
            "the mapping is not TOML: Expected '=' after a key in a key/value pair (at line 1,"
            " column 4)",
            "die Zuordnung ist kein TOML: erwartet wird '=' nach einem Schlüssel (Zeile 1,"
            " Spalte 4)",
            "la correspondencia no es TOML: se espera '=' después de una clave (línea 1,"
            " columna 4)",
        ),
        (
            "a.zip is a ZIP archive; unpack it first",
            "a.zip ist ein ZIP-Archiv; bitte zuerst entpacken",
            "a.zip es un archivo ZIP; descomprimirlo primero",
        ),
    ],
)
def test_the_words_of_libraries_are_said_too(stored, german, spanish):
    said = []
    for language in (GERMAN, SPANISH):
        with speaking(language):
            said.append(recognized(stored))

    assert said == [german, spanish]
    assert recognized(stored) == stored.replace(
        "'array | null', got 'int'", "a list or null, not an integer"
    )


def test_the_result_of_a_dry_run_is_said_with_its_numbers():
    stored = "1 task would be imported; 1,200 rows would be refused; nothing was stored"
    said = []
    for language in (GERMAN, SPANISH):
        with speaking(language):
            said.append(result_words(stored))

    assert said == [
        "Aufgaben: 1 würde importiert; Zeilen: 1.200 würden abgelehnt; nichts wurde gespeichert",
        "tareas: se importaría 1; filas: se rechazarían 1.200; no se guardó nada",
    ]
    assert result_words(stored) == stored


def test_a_value_that_looks_like_a_message_is_itself():
    with speaking(GERMAN):
        assert recognized("two responses are called 'the row has no prompt'") == (
            "zwei Antworten heißen 'the row has no prompt'"
        )
        assert recognized("the cat is on the mat") == "the cat is on the mat"


def test_a_hostile_message_is_compared_in_a_moment():
    """Each piece of a pattern is looked for once, whatever the message repeats."""
    pieces = ["is ", " of ", "; ", "the ", " not ", ": ", "expected ", " has "]
    messages = [(one * 10_000)[:19_000] + " in the mapping" for one in pieces]
    with speaking(GERMAN):
        recognized("the row has no prompt")
        begun = time.process_time()
        for message in messages:
            recognized(message)
        spent = time.process_time() - begun

    assert spent / len(messages) < 0.05


def store_job(world: Any, environment_id: str, number: int, rows: list[str], notes: list[str],
              state: JobState = JobState.done, reason: str = "") -> str:  # fmt: skip
    """Store an import that ended, with refused rows and remarks; return its id."""
    about = {"file": "a.csv", "format": "trl", "project": "P", "replace": False}
    job = Job(
        environment_id=environment_id,
        job_id=f"job_{number}",
        kind=JobKind.import_,
        state=JobState.running,
        user_id="user_1",
        created_ms=1,
        lease_ms=2,
        about=msgspec.json.encode(about),
        progress=b"{}",
    )
    progress = msgspec.json.encode(
        {
            "result": f"tasks: 2 added, {len(rows)} rejected",
            "counts": {"added": 2, "rejected": len(rows)},
            "notes": notes,
        }
    )

    async def work(tx: Any) -> None:
        await jobs.insert_job(tx, job)
        rejected = [RejectedRow(at, "", message) for at, message in enumerate(rows, 1)]
        await jobs.insert_rejects(tx, environment_id, job.job_id, 0, rejected)
        ending: Any = {"now": 5, "progress": progress, "reason": reason, "file_size": None}
        await jobs.end_job(tx, environment_id, job.job_id, state, **ending)

    world.run(world.db.write(work))
    return job.job_id


def words_of(page: str) -> str:
    """Text of the main part of a page, a line for each element."""
    main = page[page.index("<main") : page.index("</main>")]
    main = re.sub(r"<(code|script|style|svg)\b.*?</\1>", "", main, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]+>", "\n", main))


@pytest.mark.parametrize("code", TRANSLATED)
def test_the_pages_of_imports_of_broken_rows_have_no_english_sentence(
    world, code, said_of_rows, said_of_mappings
):
    environment_id = world.org()
    reasons = sorted(said_of_rows.reasons | said_of_mappings.reasons)
    remarks = sorted(said_of_rows.remarks)
    parts = [reasons[at : at + 100] for at in range(0, len(reasons), 100)]
    for number, part in enumerate(parts):
        notes = remarks[number :: len(parts)]
        store_job(world, environment_id, number, part, notes)
    pages = []
    with signed_in(world, add_person(world, "admin")) as browser:
        for number in range(len(parts)):
            page = browser.get(f"/import/job_{number}", accept_language=code)
            pages.append(words_of(page.text))

    assert [line for page in pages for line in english_left(page)] == []


@pytest.mark.parametrize("state", [JobState.failed, JobState.broken])
def test_two_readers_of_one_job_read_why_it_ended_each_in_her_language(world, state):
    environment_id = world.org()
    reasons = sorted(
        entry.singular
        for entry in extracted()
        if entry.context == "problem" and "%(" not in entry.singular
        and any(one.startswith(("api/http/job", "api/transfer", "core/transfer/jobs"))
                for one in entry.references)
    )  # fmt: skip
    for number, reason in enumerate(reasons):
        store_job(world, environment_id, number, [], [], state, reason)
    german, spanish, english = [], [], []
    with signed_in(world, add_person(world, "admin")) as browser:
        for number in range(len(reasons)):
            for code, pages in (("de", german), ("es", spanish), ("en", english)):
                page = browser.get(f"/import/job_{number}", accept_language=code)
                pages.append(words_of(page.text))

    assert len(reasons) > 8
    assert [line for page in german + spanish for line in english_left(page)] == []
    for reason, page in zip(reasons, english, strict=True):
        assert reason[1:] in page


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_translation_has_a_quote_for_each_of_the_english_ones(code):
    """Names stand in the quotes that Python writes around them; a translation keeps them."""
    wrong = [
        singular
        for (context, singular), forms in catalogue(code).texts.items()
        if context == "problem" and forms[0].count("'") != singular.count("'")
        and singular not in message_parts.MESSAGES
        and not re.search(r"\w'\w|s' ", singular)
    ]  # fmt: skip

    assert wrong == []


def test_types_are_words_in_english_too():
    assert recognized("expected 'str', got 'int'") == "expected a text, not an integer"
    assert recognized("expected 'array | null', got 'int'; see it") == (
        "expected a list or null, not an integer; see it"
    )
    assert recognized("expected 'horse', got 'int'") == "expected 'horse', got 'int'"
