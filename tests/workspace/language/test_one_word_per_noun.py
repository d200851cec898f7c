"""One word per noun in each language: that of the list at the head of its catalogue."""

from __future__ import annotations

import re

import pytest

from plaudit.workspace.language.languages import FOLDER
from tests.support.texts.entries import Entry, read_entries

NOUNS: dict[str, dict[str, str]] = {
    "prompt": {"de": "prompt", "es": "prompt"},
    "response": {"de": "antwort", "es": "respuesta"},
    "thread": {"de": "gespräch", "es": "conversaci"},
    "turn": {"de": "runde", "es": "turno"},
    "task": {"de": "aufgabe", "es": "tarea"},
    "batch(?:es)?": {"de": "stapel", "es": "lote"},
    "project": {"de": "projekt", "es": "proyecto"},
    "review": {"de": "prüf", "es": "revis"},
    "manager": {"de": "manager", "es": "responsable"},
    "rating": {"de": "bewert|wertung", "es": "valora|puntuaci"},
    "submission": {"de": "abgabe", "es": "envío"},
    "delivery|deliveries": {"de": "lieferung", "es": "entrega"},
    "question": {"de": "frage", "es": "pregunta"},
    "guideline": {"de": "richtlinie", "es": "directri"},
    "draft": {"de": "entw[uü]rf", "es": "borrador"},
    "justification": {"de": "begründung", "es": "justificaci"},
    "suggestion": {"de": "vorschl", "es": "sugerencia"},
    "vote": {"de": "stimme", "es": "voto"},
    "rule": {"de": "regel", "es": "regla"},
    "gold": {"de": "gold", "es": r"\boro\b"},
    "quota": {"de": "kontingent", "es": "cupo"},
    "lease": {"de": "reservierung", "es": "reserva"},
    "template": {"de": "vorlage", "es": "plantilla"},
    "mapping": {"de": "zuordnung", "es": "correspondencia"},
}
"""What a translation has where the English text has a noun, alone or in the plural."""

STRAYS = {
    "de": r"aufforderung|urteilend|\bschub\b|\btasks?\b|\bbatch(?:es)?\b",
    "es": r"indicaci|\bhilos?\b|\bjue(?:z|ces)\b|juzg|\bficheros?\b",
}
"""Second words for a noun, which stand nowhere."""

NO_NOUN = re.compile(
    r"%\(\w+\)s|<code>.*?</code>|<[^>]*>|`[^`]*`|'[^']*'"  # values, markup, quoted
    r"|@?Response (?=%)|\S*[_=/]\S*|--[\w-]+|[“\"]\S+[”\"]"  # names of programs
)
OTHERWISE = {
    "fields of level message and chunk",
    "only an integer of level turn has a scale",
    "take turns",
    "a member is annotator, reviewer or manager",
    "has no threads",
    "allow fewer wrong tasks than you look at",
    "response, feedback and score are placeholders",
}
"""Texts, or parts of them, in which a word is a name, or the noun is understood."""


def english_of(entry: Entry) -> str:
    return f"{entry.singular} | {entry.plural or ''}"


def texts_of(code: str) -> list[Entry]:
    return [
        entry
        for entry in read_entries((FOLDER / f"{code}.po").read_text())[1:]
        if not any(part in entry.singular for part in OTHERWISE)
    ]


@pytest.mark.parametrize("code", ["de", "es"])
def test_a_noun_is_the_same_word_wherever_it_is_said(code):
    astray = {}
    for entry in texts_of(code):
        english = NO_NOUN.sub(" ", english_of(entry))
        said = " | ".join(entry.translations)
        for noun, words in NOUNS.items():
            is_meant = re.search(rf"\b(?:{noun})s?\b", english, re.I)
            if is_meant and not re.search(words[code], said, re.I):
                astray[noun, entry.singular] = said

    assert astray == {}


@pytest.mark.parametrize("code", ["de", "es"])
def test_no_second_word_stands_for_a_noun(code):
    said = [one for entry in texts_of(code) for one in entry.translations]
    prose = {one: NO_NOUN.sub(" ", one) for one in said}

    assert [one for one, plain in prose.items() if re.search(STRAYS[code], plain, re.I)] == []
