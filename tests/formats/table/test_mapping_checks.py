"""Mappings that cannot be right are refused before a row is read, with a pointer to the fault."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from plaudit.errors import InvalidContent
from plaudit.formats.common.rows import ImportNotes
from plaudit.formats.import_format import ImportOptions
from plaudit.formats.table import FORMAT
from plaudit.formats.table.drafts import check_mapping
from plaudit.formats.table.mapping_checks import read_mapping
from tests.formats.reading import rows_of
from tests.formats.table.reading import PAIR
from tests.support.running.every_case import every_case

ONE = 'prompt = "q"\n[[responses]]\ntext = "a"\n'


def refusal(mapping: Any) -> InvalidContent:
    with pytest.raises(InvalidContent) as refused:
        read_mapping(tomllib.loads(mapping) if isinstance(mapping, str) else mapping)
    return refused.value


def test_every_member_of_the_grammar_is_accepted():
    mapping = read_mapping(
        tomllib.loads("""
rows = "*.*"
item = ["instance_id", "$models"]
prompt = ["instruction", { column = "input", remove = "^Input: " }]
context = "history"
system = "system"
reference = ["gold", "silver"]
metadata = { kind = "type", place = "$row" }
id = "id"
contributor = "who"
submitted_at = "at"
created_at = "made"
completed_at = "done"
where = { lang = "en" }
not = { severity = ["HOTW-test", 3, true] }
[[responses]]
text = { column = "output_1", remove = "</s>$" }
model = "generator_1"
rewrite = "better_1"
rank = "rank_1"
spans = { column = "spans_1", label = "error", start = "from", end = "to", key = "errors" }
ratings.acceptable = { column = "ok_1", values = { yes = true, no = false } }
ratings.score = { column = "score_1", times = 100 }
ratings.tone = { columns = { ann = "tone_a", ben = "tone_b" }, final = "tone" }
[[responses]]
text = "output_2"
name = "a_model"
spans = "spans_2"
ratings.helpful = "helpful_2"
[preference]
column = "label"
values = { 1 = "first", 2 = "second", 0 = "tie", x = "all_bad", y = "none", z = "a_model", w = 7 }
scale = [1, 7]
justification = "why"
""")
    )

    assert mapping.exclusions == {"severity": ["HOTW-test", 3, True]}
    assert [response.name for response in mapping.responses or ()] == [None, "a_model"]


@pytest.mark.parametrize(
    ("mapping", "pointer", "hint"),
    [
        ('promt = "q"', "/promt", "did you mean 'prompt'"),
        ('prompt = "q"\n[[responses]]\ntxt = "a"', "/responses/0/txt", "did you mean 'text'"),
        ('prompt = "q"\nzebra = 1', "/zebra", "there is rows, item, prompt"),
        (PAIR + '[preference]\ncolum = "p"', "/preference/colum", "did you mean 'column'"),
        (
            'prompt = { column = "q", removes = "x" }',
            "/prompt/removes",
            "did you mean 'remove'",
        ),
        (
            ONE + 'ratings.r = { column = "r", value = { a = 1 } }',
            "/responses/0/ratings/r/value",
            "did you mean 'values'",
        ),
        (ONE + 'spans = { column = "s", labels = "x" }', "/responses/0/spans/labels", "'label'"),
    ],
)
def test_an_unknown_member_is_named_with_what_was_meant(mapping, pointer, hint):
    refused = refusal(mapping)

    assert refused.pointer == pointer
    assert hint in refused.message


@every_case(
    "mapping, pointer, reason",
    [
        ("", "", "the prompt or of the context"),
        ('prompt = ""', "/prompt", "1 to 1000 characters"),
        ('prompt = "?"', "/prompt", "fill in"),
        ("prompt = 3", "/prompt", ""),
        ('prompt = "q"\nresponses = []', "/responses", "1 to 64 responses"),
        ('prompt = "q"\nitem = []', "/item", "one column or more"),
        (ONE.replace("prompt", 'item = "$models"\nprompt'), "/item", "needs a column 'model'"),
        ('prompt = "q"\nsubmitted_at = "t"', "/submitted_at", "'contributor'"),
        ('prompt = "q"\nwhere = { a = [] }', "/where/a", "1 to 1000 values"),
        (ONE + 'name = "x"\nmodel = "m"', "/responses/0/name", "by 'name' or by"),
        (ONE + 'name = "the_chosen_one"', "/responses/0/name", "does not say whether"),
        (ONE + 'name = "a\\nb"', "/responses/0/name", "control"),
        (ONE + 'name = "m"\n' + ONE[13:] + 'name = "m"', "/responses/1/name", "called 'm'"),
        (ONE + 'name = "response_2"\n' + ONE[13:], "/responses/1/name", "called 'response_2'"),
        (ONE + 'ratings.rewrite = "r"', "/responses/0/ratings/rewrite", "meaning of its own"),
        (ONE + "ratings.r = {}", "/responses/0/ratings/r", "exactly one of"),
        (
            ONE + 'ratings.r = { column = "r", values = { a = 1, b = "x" } }',
            "/responses/0/ratings/r",
            "all integers, all texts",
        ),
        (
            ONE + 'ratings.r = { column = "r", values = { a = 0.5 } }',
            "/responses/0/ratings/r",
            "all integers",
        ),
        (
            ONE + 'ratings.r = { column = "r", values = { a = "?" } }',
            "/responses/0/ratings/r",
            "fill in",
        ),
        (
            ONE + 'ratings.r = { column = "r", times = 10, values = { a = 1 } }',
            "/responses/0/ratings/r",
            "not both",
        ),
        (ONE + 'ratings.r = { column = "r", times = 0 }', "/responses/0/ratings/r", "'times'"),
        (ONE + 'ratings.spans = "r"\nspans = "s"', "/responses/0/ratings/spans", "of the spans"),
        (
            ONE + 'ratings.r = "r"\n' + ONE[13:] + 'ratings.r = { column = "s", times = 10 }',
            "/responses/1/ratings/r",
            "other values",
        ),
        (PAIR + "[preference]", "/preference", "none of them"),
        (
            PAIR + '[preference]\ncolumn = "p"\ncolumns = { ann = "p" }',
            "/preference",
            "column and columns",
        ),
        (PAIR + '[preference]\ncolumn = "p"\nfinal = "f"', "/preference", "beside the 'columns'"),
        (
            'contributor = "who"\n' + PAIR + '[preference]\ncolumns = { ann = "p" }',
            "/preference/columns",
            "'contributor' or in 'columns'",
        ),
        (
            PAIR + '[preference]\none_hot = { p = "first" }\nvalues = { a = "tie" }',
            "/preference/values",
            "itself",
        ),
        (
            PAIR + '[preference]\ncolumn = "p"\nvalues = { 1 = "third" }',
            "/preference/values/1",
            "there are 2 responses",
        ),
        (
            PAIR + '[preference]\ncolumn = "p"\nvalues = { 1 = "?" }',
            "/preference/values/1",
            "fill in",
        ),
        (
            PAIR + '[preference]\ncolumn = "p"\nvalues = { 1 = 3 }',
            "/preference/values/1",
            "needs a scale",
        ),
        (
            PAIR + '[preference]\ncolumn = "p"\nscale = [1, 7]\nvalues = { 1 = 8 }',
            "/preference/values/1",
            "not on the scale",
        ),
        (PAIR + '[preference]\ncolumn = "p"\nscale = [1]', "/preference/scale", "a scale is"),
        (PAIR + '[preference]\ncolumn = "p"\nscale = [1, 9999]', "/preference/scale", "a scale is"),
        (ONE + '[preference]\ncolumn = "p"\nscale = [1, 7]', "/preference/scale", "compares"),
        (
            ONE + '[preference]\ncolumn = "p"\nvalues = { 1 = "first" }',
            "/preference/values/1",
            "a row has one response",
        ),
        (ONE + '[preference]\npairs = "p"', "/preference/pairs", "2 to 16 responses"),
        ('prompt = "q"\n[preference]\ncolumn = "p"', "/preference", "needs responses"),
    ],
)
def test_a_mapping_that_cannot_be_right_is_refused(mapping, pointer, reason):
    refused = refusal(mapping)

    assert refused.pointer == pointer
    assert reason in refused.message


@pytest.mark.parametrize("decoded", [None, [], True, 3])
def test_what_is_no_table_of_members_is_no_mapping(decoded):
    assert "a mapping is" in refusal(decoded).message


def test_a_thousand_responses_are_too_many():
    mapping = {"prompt": "q", "responses": [{"text": f"a{n}"} for n in range(1000)]}

    assert refusal(mapping).pointer == "/responses"


def test_a_table_without_a_mapping_says_how_to_give_one():
    assert FORMAT.reader is not None

    with pytest.raises(InvalidContent, match="--mapping FILE"):
        FORMAT.reader(ImportOptions(), ImportNotes())


@every_case(
    "pattern",
    [
        "(a+)+$",
        "(a*)*b",
        "(?:a|aa)+$",
        "(.*,)*x",
        "((a?){20})b",
        "a?" * 40 + "b",
        "(?:(?:x{1,5}){1,5}){1,5}y",
        r"(a)\1+",
        "(?=a+)b",
        "(?<!a)b",
        "(",
        "a" * 201,
        "",
    ],
)
def test_patterns_that_may_take_for_ever_are_refused(pattern):
    refused = refusal({"prompt": {"column": "q", "remove": pattern}})

    assert refused.pointer == "/prompt/remove"


def test_faults_of_a_mapping_are_listed_for_a_form():
    rows = rows_of([{"q": "Hi", "x": 1}])

    assert [fault.pointer for fault in check_mapping(tomllib.loads(PAIR), rows)] == [
        "/responses/0/text",
        "/responses/1/text",
    ]
    assert [str(fault) for fault in check_mapping({"prompt": "?"}, rows)] == [
        "/prompt: fill in a column in place of '?'"
    ]
    assert check_mapping({"prompt": "q"}, rows) == []


@pytest.mark.parametrize(
    ("mapping", "pointer", "reason"),
    [
        ("prompt = 3", "/prompt", "a text or a table of members or a list, not an integer"),
        ('prompt = "q"\nresponses = ["a"]', "/responses/0", "not a text"),
        ('prompt = "q"\nmetadata = ["import_flags"]', "/metadata", "meaning of its own"),
    ],
)
def test_a_member_of_another_kind_is_refused_in_words(mapping, pointer, reason):
    refused = refusal(mapping)

    assert (refused.pointer, reason in refused.message) == (pointer, True)


def test_dates_of_toml_are_texts():
    mapping = read_mapping(tomllib.loads('prompt = "q"\nwhere = { day = 2024-05-01 }'))

    assert mapping.where == {"day": "2024-05-01"}
