"""The catalogues: nothing is said outside of them, and they are whole."""

from __future__ import annotations

import re

import pytest

from plaudit.workspace.http import assets
from plaudit.workspace.http.views import TEMPLATES
from plaudit.workspace.language.languages import ENGLISH, FOLDER, LANGUAGES, catalogue
from tests.support.source import SOURCE
from tests.support.texts import outside
from tests.support.texts.catalogue_files import merged, template
from tests.support.texts.entries import Entry, read_entries

TRANSLATED = [code for code in LANGUAGES if code != ENGLISH.code]
SAMPLES = ("projects/sample.py", "projects/styleguide_page.py", "http/", "render/", "language/")
"""What is no text of a page: sample conversations, HTTP, and HTML that is made of others' text."""
STORED = ("projects/palette_page.py", "transfer/upload_pages.py")
"""What a script says in the page's language (the kinds of what is found), and reasons of jobs."""

IMPORTED = re.compile(r'\{%-? (?:from|import) "([^"]+)"[^%]*?( with context)? -?%\}')
MACRO = re.compile(r"\{%-? macro .*?endmacro -?%\}", re.S)
SAID = re.compile(r"\b_[np]?\(|% trans\b")


def entries(code: str) -> list[Entry]:
    return read_entries((FOLDER / f"{code}.po").read_text())


def values(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)s|%%", text))


def tags(text: str) -> list[str]:
    return sorted(re.findall(r"<[^>]*>", text))


def test_no_text_is_said_once_for_the_languages_of_all_pages():
    """What is imported without its context is run once, and so is what that imports: a text beside
    their macros would stay as the first page had it."""
    texts = {
        str(path.relative_to(TEMPLATES)): path.read_text() for path in TEMPLATES.rglob("*.html")
    }
    once = [name for text in texts.values() for name, how in IMPORTED.findall(text) if not how]
    for name in once:  # which grows
        once += [one for one, _ in IMPORTED.findall(texts.get(name, "")) if one not in once]

    assert {name for name in once if SAID.search(MACRO.sub("", texts.get(name, "")))} == set()


def test_no_template_says_anything_outside_of_the_catalogue():
    assert {
        path.relative_to(TEMPLATES).as_posix(): found
        for path in TEMPLATES.rglob("*.html")
        if (found := outside.in_template(path.read_text()))
    } == {}


SAID_BEFORE = {
    *(
        "control.about",
        "one.about",
        "event.about",
        "words.about",
    ),  # of a question, said by its view
    *(
        "one.value",
        "row.value",
        "row.why",
        "row.reason",
        "one.why",
        "step.kind",
        "one.kind",
        "flag.reason",
        "event.value",
    ),
    *("attempt.status", "key.role"),  # a number of HTTP; the words that a key is made with
}
"""Values that are said where the page is made, or are somebody's own words."""


def test_no_template_writes_a_word_of_the_api_as_it_is():
    """`{{ task.status.value | word }}`, or `| said` for a message."""
    assert {
        path.relative_to(TEMPLATES).as_posix(): found
        for path in TEMPLATES.rglob("*.html")
        if (found := set(outside.unsaid_values(path.read_text())) - SAID_BEFORE)
    } == {}
    assert outside.unsaid_values("<b>{{ a.status }}</b>") == ["a.status"]
    assert outside.unsaid_values('<b class="{{ a.status }}">{{ a.kind | word }}</b>') == []


def test_a_plural_is_chosen_by_a_number_and_not_by_its_digits():
    wrong = [
        path.name
        for path in TEMPLATES.rglob("*.html")
        for declared, name in re.findall(
            r"\{% trans ([^%]*)%\}(?:(?!\{% endtrans).)*?\{% pluralize (\w+) %\}",
            path.read_text(),
            re.DOTALL,
        )
        if re.search(rf"\b{name}=[^,]*\|", declared.replace("| length", ""))
    ]

    assert wrong == []


def test_no_page_module_says_anything_outside_of_the_catalogue():
    folder = SOURCE / "workspace"

    assert {
        name: found
        for path in folder.rglob("*.py")
        if not (name := path.relative_to(folder).as_posix()).startswith((*SAMPLES, *STORED))
        and (found := outside.in_module(path.read_text()))
    } == {}


def test_no_script_says_anything_outside_of_the_catalogue():
    assert {
        name: found
        for name in assets.script_names()
        if (found := outside.in_script(assets.text_of(name)))
    } == {}


@pytest.mark.parametrize(
    "source",
    [
        "<p>Saved</p>",
        "<p>{% if x %}It is {{ x }} now{% endif %}</p>",
        '<input placeholder="Search">',
        '<b aria-label="Rank of {{ n }}">1</b>',
        '{{ field("name", "Your name") }}',
        '{{ _("Fine") }} but not this',
    ],
)
def test_a_text_of_a_template_that_is_not_marked_is_found(source):
    assert outside.in_template(source)


@pytest.mark.parametrize(
    "source",
    [
        '{{ _("Saved") }}',
        "<p>{% trans n=1 %}A <b>sentence</b>{% pluralize %}Sentences{% endtrans %}</p>",
        "<code>POST /v2/task</code> {{ name }} · <kbd>Esc</kbd>",
        '{% if x == "Some words here" %}{{ x | replace("T", " ") }}{% endif %}',
    ],
)
def test_what_is_marked_in_a_template_or_is_no_text_is_not(source):
    assert outside.in_template(source) == []


def test_a_text_of_a_module_or_script_that_is_not_marked_is_found():
    assert outside.in_module('x = Redirect(to=y, flash="Saved")') == ["Saved"]
    assert outside.in_module('def f():\n    return f"{n} tasks are done now"')
    assert outside.in_module('x = N_("Saved it all"); raise Conflict("there is one already")') == []
    assert outside.in_script("button.textContent = `Removed ${n}`;") == ["`Removed ${n}`"]
    assert outside.in_script('announce(isSaved ? t("Saved") : "Not saved");') == ['"Not saved"']
    assert outside.in_script('label.textContent = text || "(empty)";') == ['"(empty)"']
    assert outside.in_script('line.textContent = tn("%(count)s x", "%(count)s xs", n);') == []


def test_styles_have_no_left_and_right_save_where_a_page_is_not_mirrored():
    """A page of a language written from right to left is mirrored by its styles alone."""
    physical = re.compile(
        r"(?<![-\w])(?:left|right):|-(?:left|right)\b(?=[^{}]*:)|(?:align|float): *(?:left|right)"
    )
    mirrored = {
        "shared/rendered.css": "what a model wrote has its own direction",
        "annotate/task.css": "left: 50%; with a shift of half the width is the middle",
    }

    assert {
        name
        for name in assets.style_names()
        if name not in mirrored and physical.search(assets.text_of(name))
    } == set()
    assert len(physical.findall(assets.text_of("annotate/task.css"))) == 1


def test_the_files_are_in_step_with_the_code():
    """`make texts` brings them into step."""
    assert (FOLDER / "plaudit.pot").read_text() == template()
    for code in TRANSLATED:
        known = entries(code)
        assert [entry.key for entry in known] == [entry.key for entry in merged(known)]


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_text_is_translated(code):
    found = entries(code)[1:]

    assert [entry.singular for entry in found if not all(entry.translations)] == []
    assert [entry.singular for entry in found if "fuzzy" in entry.flags] == []
    assert {len(entry.translations) for entry in found if entry.plural} == {
        len(LANGUAGES[code].plural_categories)
    }


@pytest.mark.parametrize("code", TRANSLATED)
def test_translations_have_the_values_and_tags_of_the_english_text(code):
    wrong = []
    for entry in entries(code)[1:]:
        english = [entry.singular, entry.plural] if entry.plural else [entry.singular]
        for form in entry.translations:
            fits = values(form) in map(values, english) and tags(form) in map(tags, english)
            ends = form[:1].isspace() == english[0][:1].isspace() and (
                form[-1:].isspace() == english[0][-1:].isspace()
            )
            if "%(" in form:
                assert form % dict.fromkeys(re.findall(r"%\((\w+)\)s", form), "x"), form
            if not fits or not ends or ('"' in form) > ('"' in "".join(english)):
                wrong.append(form)

    assert wrong == []


@pytest.mark.parametrize("code", TRANSLATED)
def test_plural_forms_are_chosen_as_the_language_has_them(code):
    form_of = catalogue(code).form_of

    assert [form_of(count) for count in (0, 1, 2, 5, 21, 100)] == [1, 0, 1, 1, 1, 1]
