"""Texts of models become HTML that cannot do anything, in bounded time, and lose no word."""

from __future__ import annotations

import gzip
import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plaudit.workspace.render import rich_text
from plaudit.workspace.render.rich_text import render_markdown, word_count
from plaudit.workspace.render.sanitize import sanitize_html
from plaudit.workspace.render.text_diff import render_diff
from tests.support.harness import SHARED_DATA
from tests.support.pages.hostile_texts import PAYLOADS
from tests.support.pages.markup import Reading, render_too_long
from tests.support.running.every_case import every_case

PIECES = [
    *("*", "**", "_", "`", "```", "~~~", "~~", "[", "]", "(", ")", "![", "](", "<", ">", "<!--"),
    *("$", "$$", r"\(", r"\)", r"\[", r"\]", r"\frac", r"\text{", "{", "}", "^", "_", "&lt;"),
    *("\n", "\n\n", "    ", "\t", "- ", "1. ", "> ", "# ", "|", "|-|", "---", "===", "\\", "&#x"),
    *("https://a.example/", "javascript:", "data:", "/attachments/1", '"', "'", "\x00", "\u202e"),
    *(
        "word",
        "é",
        "\u0301",
        "\U0001f600",
        "مرحبا",
        "<b onclick=x>",
        "</div>",
        "python",
        ";",
        "[r]:",
    ),
]


def is_attachment(url: str) -> bool:
    """The rule that these tests give: a number in one folder."""
    return re.fullmatch(r"/attachments/\d+", url) is not None


def shown(text: str) -> Reading:
    return Reading(render_markdown(text, is_attachment))


def outline(text: str) -> list[str]:
    """The elements of a rendered text, without the box around all of it."""
    return [tag for tag, _ in shown(text).elements[1:]]


@every_case("payload", PAYLOADS)
def test_a_hostile_text_becomes_listed_elements_alone(payload):
    assert shown(payload).faults == []
    assert Reading(render_too_long(payload)).faults == []
    assert Reading(render_diff("a word", payload)).faults == []


@every_case("payload", PAYLOADS)
def test_the_cleaner_alone_stands_against_a_hostile_text(payload):
    """What the modules before it let through would not get further."""
    for source in (payload, f'<div title="{payload}">', f"<math><mtext>{payload}</mtext></math>"):
        html = sanitize_html(source)

        assert Reading(html).faults == []


@every_case("payload", PAYLOADS)
def test_cleaning_what_is_clean_changes_nothing(payload):
    for html in (render_markdown(payload, is_attachment), render_too_long(payload)):
        assert sanitize_html(html, is_attachment) == html


@given(st.text())
def test_every_text_can_be_rendered(text):
    for html in (render_markdown(text, is_attachment), render_too_long(text)):
        assert Reading(html).faults == []
        assert sanitize_html(html, is_attachment) == html


@given(st.lists(st.sampled_from(PIECES), max_size=60))
def test_every_mixture_of_markup_can_be_rendered(pieces):
    html = render_markdown("".join(pieces), is_attachment)

    assert Reading(html).faults == []
    assert sanitize_html(html, is_attachment) == html


@given(st.lists(st.sampled_from([r"\frac", r"\left(", r"\right)", r"\begin{matrix}", r"\text{",
    r"\end{matrix}", r"\color{", "{", "}", "^", "_", "&", r"\\", "'", "[", "]", r"\sqrt", r"\over",
    r"\hbox{$", "$", r"\sideset", r"\unicode", r"\skew", r"\genfrac", r"\not", r"\limits",
    r"\href{", r"\mathchoice", r"\raise", r"\rule", r"\verb|", r"\operatorname{", r"\xrightarrow",
    "x", "1", r"\def", r"\newcommand", "#", "%", " ", r"\big", r"\middle|", r"\mathbb{",
    r"\substack", "<",
]), max_size=30))  # fmt: skip
def test_every_formula_is_drawn_or_shown_as_it_was_written(pieces):
    page = shown(rf"$${''.join(pieces)}$$")

    assert page.faults == []


@given(st.lists(st.from_regex(r"[a-z]{1,9}", fullmatch=True), max_size=40), st.randoms())
def test_no_plain_word_is_lost(words, random):
    gaps = [" ", "\n", "\n\n", " *", "* ", "\n- ", "\n> ", "\n# ", ", ", ". ", ", `", "`, "]
    text = "".join(word + random.choice(gaps) for word in words)

    for html in (render_markdown(text), render_too_long(text)):
        said = Reading(html).text.removeprefix(rich_text.TOO_LONG)
        assert re.findall("[a-z]+", said) == words


def test_html_is_shown_as_it_was_written():
    assert shown("a <b onclick=x>b</b> &amp; <!-- c -->").text == (
        "a <b onclick=x>b</b> & <!-- c -->\n"
    )


def test_headings_stay_below_those_of_the_page():
    assert outline("# a\n\nb\n===\n\n## c\n\n###### d") == ["h3", "h3", "h4", "h6"]


def test_the_usual_marks_are_known():
    assert outline("*a* **b** ~~c~~ `d`") == ["p", "em", "strong", "s", "code"]
    assert outline("- a\n- b") == ["ul", "li", "li"]
    assert outline("> a\n\n---") == ["blockquote", "p", "hr"]
    assert outline("3. a")[0] == "ol"
    assert shown("3. a").all("ol") == [{"start": "3", "dir": "auto"}]


def test_a_line_that_ends_stays_ended():
    assert outline("one\ntwo") == ["p", "br"]


def test_a_task_list_is_a_list():
    assert shown("- [ ] a\n- [x] b").text.split() == ["[", "]", "a", "[x]", "b"]


def test_columns_of_a_table_are_aligned_without_a_style():
    cells = shown("|a|b|c|\n|:-|:-:|-:|\n|1|2|3|").all("td")

    assert [cell["class"] for cell in cells] == ["left", "center", "right"]


@pytest.mark.parametrize(
    "text", ["مرحبا", "# a", "- a", "1. a", "|a|\n|-|\n|b|", "> a"], ids=lambda t: t[:3]
)
def test_each_block_finds_its_own_direction(text):
    assert "auto" in [attributes.get("dir") for _, attributes in shown(text).elements]


@pytest.mark.parametrize(
    ("text", "href"),
    [
        ("[x](https://a.example/b?c=d&e=f#g)", "https://a.example/b?c=d&e=f#g"),
        ("[x](HTTP://a.example)", "HTTP://a.example"),
        ("[x](mailto:a@b.example)", "mailto:a@b.example"),
        ("<https://a.example>", "https://a.example"),
        ("<a@b.example>", "mailto:a@b.example"),
        ("see https://a.example/b.", "https://a.example/b"),
        ("(https://a.example/b_(c))", "https://a.example/b_(c)"),
        ("https://a.example/b_c_d!", "https://a.example/b_c_d"),
        ("mailto:a@b.example, please", "mailto:a@b.example"),
        ("[x](/attachments/7)", "/attachments/7"),
        ("[x](https://bücher.example/ä)", "https://xn--bcher-kva.example/%C3%A4"),
    ],
)
def test_a_link_leads_outside_in_a_page_of_its_own(text, href):
    page = shown(text)

    assert [link["href"] for link in page.all("a")] == [href]
    assert page.faults == []


@pytest.mark.parametrize(
    "text",
    ["ftp://a.example", "www.a.example", "a.example", "[x](/sign-out)", "[x](#a)", "[x](?a)",
     "[x](//a.example)", "[x](tel:1)", "[x](javascript:x)", "x@y.example", "[x](/attachments/7/x)",
     "`https://a.example`", "    https://a.example", "https://"],
)  # fmt: skip
def test_nothing_else_is_a_link(text):
    assert shown(text).all("a") == []


def test_a_link_that_leads_nowhere_says_where_it_would_have_led():
    page = shown("[x](/sign-out)")

    assert page.all("span") == [{"class": "dead-link"}, {"class": "aside"}]
    assert page.text == "x (/sign-out)\n"


def test_an_image_from_elsewhere_is_a_link_to_it():
    page = shown("![a *cat*](https://a.example/cat.png)")

    assert page.all("img") == []
    assert [link["href"] for link in page.all("a")] == ["https://a.example/cat.png"]
    assert page.text == "Image: a cat\n"


def test_an_image_inside_a_link_does_not_become_a_second_one():
    page = shown("[![a](https://a.example/i.png)](https://b.example)")

    assert [link["href"] for link in page.all("a")] == ["https://b.example"]
    assert page.text == "Image: a (https://a.example/i.png)\n"


def test_an_attachment_is_shown_as_an_image():
    image = {"src": "/attachments/7", "alt": "a cat", "class": "attachment", "loading": "lazy"}

    assert shown("![a *cat*](/attachments/7)").all("img") == [image]


def test_without_attachments_no_image_is_shown():
    assert Reading(render_markdown("![a](/attachments/7)")).all("img") == []


def test_characters_that_turn_the_order_around_are_written_out():
    for text in ("a\u202eb", "a&#x202e;b", "`a\u202eb`", "```\na\u202eb\n```",
                 "$\\unicode{202e}$",
                 "[a\u202eb](https://a.example 'c\u202ed')",
                 "![a\u202db](/attachments/1)"):  # fmt: skip
        html = render_markdown(text, is_attachment)

        assert not re.search("[\u202d\u202e]", html)
        assert "⟨U+202" in html


def test_code_and_raw_text_show_what_is_hidden_in_them():
    hidden = "a\u200b\u2066\ufeff\U000e0041b"

    for html in (render_too_long(hidden), render_markdown(f"`{hidden}`")):
        said = Reading(html).text.removeprefix(rich_text.TOO_LONG)
        assert said.strip() == "a⟨U+200B⟩⟨U+2066⟩⟨U+FEFF⟩⟨U+E0041⟩b"


def test_joiners_that_scripts_and_emoji_need_stay():
    for text in ("می\u200cخواهم", "\U0001f469\u200d\U0001f680"):
        assert Reading(render_too_long(text)).text == rich_text.TOO_LONG + text
        assert shown(text).text == text + "\n"


def test_raw_text_keeps_every_character():
    text = "  *a*\n\n\t<b> &amp; $x$\n"

    assert Reading(render_too_long(text)).text == rich_text.TOO_LONG + text


def test_a_text_too_long_for_markdown_is_shown_plain_with_a_note():
    text = "*a* " * 60_000

    page = shown(text)

    assert page.all("em") == []
    assert page.text == rich_text.TOO_LONG + text


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("one two", 2), ("Don't, well-known 1,000.5", 3), ("你好", 2), ("ひらがな", 4),
     ("a\n\nb\tc", 3), ("--- *** !", 0), ("naïve café", 2), ("snake_case", 1), ("Привет мир", 2)],
)  # fmt: skip
def test_words_are_counted_as_people_do(text, count):
    assert word_count(text) == count


SIZE = 12_500
PATHOLOGICAL = {
    "quotes": "> ", "brackets": "[", "links": "[a](", "images": "![", "emphasis": "*a_",
    "stars": "**a", "ticks": "`a``b", "dollars": "$", "double dollars": "$$\n", "opening": r"\[",
    "display": "\\[\n", "formulas": r"$\frac{a}{b}$ ", "combining": "\u0301", "lists": "- a\n",
    "numbers": "1. a\n", "tables": "a|b\n-|-\n", "entities": "&#x202e;", "angles": "<a ",
    "addresses": "https://", "mail": "mailto:a@", "strikes": "~~a", "definitions": "[a]: b\n",
    "references": "[a][b]", "fences": "```python\nx = [1]\n```\n", "overrides": "\u202e",
    "operators": r"$\operatorname{" + " " * 1_900 + "$ ", "braces": "$" + "{" * 1_900 + "$ ",
    "commas": "$" + r"\text{" * 300 + "$ ", "nested lists": "- > ", "nulls": "\x00",
}  # fmt: skip


@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_a_hostile_text_takes_bounded_time(name):
    """Far above what it takes, and far below what anything but linear would."""
    piece = PATHOLOGICAL[name]
    text = (piece * (SIZE // len(piece) + 1))[:SIZE]
    before = time.process_time()

    html = render_markdown(text)

    assert time.process_time() - before < 2.5
    assert len(html) < 40 * SIZE


@pytest.mark.parametrize("language", ["java", "csharp", "perl", "html", "python", "cpp"])
@pytest.mark.parametrize("line", ["a a a a a a a a a a a a ", "s{s{s{s{", "<!--<!--", "", "a", "("])
def test_hostile_code_takes_bounded_time(language, line):
    block = f"```{language}\n" + f"{line}\n" * (9_990 // (len(line) + 1)) + "```\n"
    before = time.process_time()

    render_markdown(block * 5)

    assert time.process_time() - before < 10


@pytest.mark.parametrize("piece", ["> [*`$a\u0301", "<&\u202e"])
def test_ten_mebibytes_take_bounded_time(piece):
    text = piece * (10 * 2**20 // len(piece.encode()))
    before = time.process_time()

    html = render_markdown(text)

    assert time.process_time() - before < 60
    assert html.startswith(f'<div class="rendered"><p class="note">{rich_text.TOO_LONG}')


def oasst_texts(path: Path) -> list[str]:
    lines = path.read_text("utf-8").split("\n")
    texts, waiting = [], [json.loads(line)["prompt"] for line in lines if line]
    while waiting:
        message = waiting.pop()
        texts.append(message["text"])
        waiting += message.get("replies", [])
    return texts


def render_all(name: str, texts: list[str]) -> None:
    found = {}
    for text in texts:
        html = render_markdown(text)
        reading = found[text] = Reading(html)
        assert reading.faults == []
        assert sanitize_html(html) == html
    counts = {
        "formulas": sum(len(one.all("math")) for one in found.values()),
        "unread formulas": sum(
            {"class": "formula-source", "dir": "ltr"} in one.all("code") for one in found.values()
        ),
        "code blocks": sum(len(one.all("pre")) for one in found.values()),
        "tables": sum(len(one.all("table")) for one in found.values()),
        "links": sum(len(one.all("a")) for one in found.values()),
    }
    print(f"{name}: {len(texts)} messages, {counts}")


def test_every_message_of_open_assistant_can_be_rendered(oasst):
    texts = oasst_texts(oasst)

    assert len(texts) > 500
    render_all("oasst", texts)


def test_messages_of_topical_chat_can_be_rendered():
    """Every fifth and the longest of 11,760 messages, most of which are one plain sentence."""
    path = SHARED_DATA / "topical-chat-valid-freq" / "valid_freq.json.gz"
    if not path.exists():
        pytest.skip("the folder with real data sets is not beside this checkout")
    chats = json.loads(gzip.decompress(path.read_bytes())).values()
    texts = [message["message"] for chat in chats for message in chat["content"]]
    longest = sorted(texts, key=len)[-500:]

    assert len(texts) > 10_000
    render_all("topical chat", list({*texts[::5], *longest}))
