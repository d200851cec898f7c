"""What the pages of an upload and its import say of a broken file, in the reader's language."""

from __future__ import annotations

import pytest

from tests.support.pages.uploads import CSV, imported, previewed, uploaded
from tests.workspace.language.test_messages_of_imports import english_left, words_of

PAIRS = b"""{"prompt": "Hi", "chosen": "a", "rejected": "b"}
{"prompt": 5, "chosen": "a", "rejected": "a"}
{"prompt": "Hi", "chosen": "", "rejected": "b"}
{"prompt": "x",}
[1]
{"prompt": "Hi", "chosen": "a", "rejected": 7
"""


@pytest.mark.parametrize(
    ("code", "refused", "remark"),
    [
        ("de", "überzähliges Komma in einem Objekt", "× beide Antworten eines Paars sind gleich"),
        ("es", "coma sobrante en un objeto", "× las dos respuestas de un par son iguales"),
    ],
)
def test_a_broken_file_is_told_of_in_the_preview_and_after_its_import(
    browser, code, refused, remark
):
    upload_id = uploaded(browser, PAIRS, name="pairs.jsonl", project="Pairs")
    browser.client.headers["accept-language"] = code

    preview = previewed(browser, upload_id, format="trl", project="Pairs", mapping="")
    job = imported(browser, upload_id, format="trl", project="Pairs", mapping="", roles={})
    page = words_of(browser.get(f"/import/{job['job_id']}").text)

    assert english_left(words_of(f"<main{preview}</main>")) == []
    assert remark in preview
    assert refused in page
    assert remark in page
    assert english_left(page) == []


def test_one_job_is_read_by_two_people_each_in_her_language(browser):
    upload_id = uploaded(browser, PAIRS, name="pairs.jsonl", project="Pairs")
    job = imported(browser, upload_id, format="trl", project="Pairs", mapping="", roles={})
    path = f"/import/{job['job_id']}"

    texts = {
        code: words_of(browser.get(path, accept_language=code).text) for code in ("de", "es", "en")
    }

    assert "das JSON endet zu früh" in texts["de"]
    assert "el JSON termina demasiado pronto" in texts["es"]
    assert "the JSON ends too early" in texts["en"]
    assert "the JSON ends too early" in browser.get(f"{path}/rejected.txt").text


def test_why_a_saved_mapping_does_not_fit_is_told_in_the_pages_language(browser):
    imported(browser, uploaded(browser, CSV), saves_mapping=True)
    other = uploaded(browser, b'{"q": "Why?", "a": "So."}\n', project="Cities")

    page = browser.get(f"/import/file/{other}", accept_language="de").text

    assert "es gibt keine Spalte" in page
    assert "there is no column" not in page


@pytest.mark.parametrize(
    ("mapping", "german"),
    [
        ("prompt = ", "Die Zuordnung ist kein TOML: kein gültiger Wert (am Ende des Dokuments)."),
        ('promt = "prompt"', "war &#39;prompt&#39; gemeint?"),
        ("prompt = 7", "Erwartet wird ein Text, eine Tabelle von Feldern oder eine Liste, nicht"),
    ],
)
def test_a_mapping_that_cannot_be_is_told_of_in_the_pages_language(browser, mapping, german):
    upload_id = uploaded(browser, CSV)
    browser.client.headers["accept-language"] = "de"

    assert german in previewed(browser, upload_id, mapping=mapping)
