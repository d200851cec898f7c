"""Every word of a text that is no syntax can be read on the page, in whatever markup it stands."""

from __future__ import annotations

import re

import pytest

from plaudit.workspace.render.markdown import NESTING_MAX
from plaudit.workspace.render.rich_text import render_markdown
from tests.support.pages.markup import Reading
from tests.support.running.every_case import every_case
from tests.workspace.render.test_rendering import is_attachment, shown

DEEP = NESTING_MAX + 10

MARKUP = {
    "definition": '[x1] and\n\n[x1]: https://a.example/x2 "x3 x4"\n[x5]: </x6>\n[x7]: x8',
    "definition in a quote": "> [x1]: https://a.example/x2\n> 'x3\n> x4'\n\nx5",
    "definition twice": "[x1]: https://a.example/x2\n[x1]: https://a.example/x3",
    "image of a definition": "![x1][x2]\n\n[x2]: https://a.example/x3 'x4'",
    "footnote of a word": "x1[^x2]\n\n[^x2]: x3",
    "footnote": "x1[^1]\n\n[^1]: x2 x3\n    x4",
    "title": "[x1](https://a.example/ 'x2') ![x3](https://a.example/ 'x4')",
    "dead link": "[x1](/x2 'x3') [x4](javascript:x5) [x6](x7.html) ![x8](x9.png 'y1')",
    "image": "![x1](/attachments/1 'x2') [![x3](x4 'x5')](https://a.example)",
    "alternative with markup": "![x1 *x2* `x3` [x4](x5) ![x6](x7 'x8')](https://a.example)",
    "ragged table": "|x1|x2|\n|-|-|\n|x3|x4|x5|x6 **x7**|\n|x8|\nx9|y1|y2",
    "table in a quote": "> |x1|\n> |-|\n> |x2|x3|\n\nx4",
    "html": "x1 <x2 x3='x4'>x5</x2>\n\n<div x6>\nx7\n</div>\n\n<script>x8</script>",
    "comment": "x1 <!-- x2 --> x3\n\n<!-- x4\n\nx5 -->\n<?x6?> <![CDATA[x7]]>",
    "task list": "- [ ] x1\n- [x] x2\n  - [ ] x3\n\n1) x4",
    "quotes": "> x1\n>> x2\n>>> x3\n>\n> x4",
    "quotes too deep": "> " * DEEP + "x1\n\nx2",
    "lists too deep": "- " * DEEP + "x1\n\nx2",
    "list too deep": "\n".join("  " * depth + f"- x{depth}" for depth in range(DEEP)),
    "brackets too deep": "[" * DEEP + "x1" + "](x2)" * DEEP,
    "info": "```x1 x2=x3\nx4\n```\n\n~~~python x5\nx6\n~~~\n\n```python\nx7\n```\n\n```{.x8}\n```",
    "headings": "# x1 #\n\nx2\n===\n\nx3\nx4\n---",
    "emphasis": "*x1***x2**~~x3~~ _x4_ __x5__ \\*x6\\* ***x7***",
    "breaks": "x1  \nx2\\\nx3\nx4",
    "autolinks": "<https://a.example/x1> <x2@a.example> https://a.example/x3, mailto:x4@a.example",
    "definition list": "x1\n: x2\n\nx3\n:   x4",
    "front matter": "---\nx1: x2\n---\n\nx3",
    "entities": "x1&nbsp;x2 &x3; &#88;",
    "directive": ":::x1\nx2\n:::\n\n*[x3]: x4\n\n{#x5} ==x6== ^x7^",
    "formula": r"$x1$ $$x2 \text{x3}$$ \(x4\) $x5 % x6$ $\tag{x7}$ $\label{x8}$ $\foo{x9}$",
    "formula with rows": "$$\n\\begin{foo} x1 & x2 \\\\ x3 \\end{foo}\n$$\n\n$$x4 \\\\ x5$$",
}


@every_case("name", MARKUP)
def test_every_word_of_a_construct_can_be_read(name):
    text = MARKUP[name]

    page = shown(text)

    # A language alone is drawn by the style sheet, and a formula letter by letter.
    said = page.text + " ".join(one.get("data-language", "") for one in page.all("div"))
    missing = [word for word in re.findall(r"[xy]\d+", text) if word not in said]
    assert missing == []
    assert page.faults == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("**「重要」**な点", "「重要」"),
        ("これは**「重要」**です", "「重要」"),
        ("这是**“重要”**的", "“重要”"),
        ("**강조(強調)**는", "강조(強調)"),
        ("**注意：**これ", "注意："),
        ("と**`code`**が", "code"),
        ("*（a）*は", "（a）"),
    ],
)
def test_emphasis_beside_punctuation_of_east_asia_is_emphasis(text, said):
    page = shown(text)

    assert page.all("strong") + page.all("em")
    assert "*" not in page.text
    assert said in page.text


@pytest.mark.parametrize(
    "text", ["2 * 3 * 4", "a**(b)**c", "は * 強 * い", "** 重要 **な", "🎉**(a)**b"]
)
def test_marks_that_are_none_stay_text(text):
    assert "*" in shown(text).text


def test_a_definition_is_shown_where_it_stands_and_leads_there():
    page = shown("[x][r]\n\n[r]: https://a.example 'Why'")

    assert [link["href"] for link in page.all("a")] == ["https://a.example"] * 2
    assert page.text.split("\n")[1] == "[r]: https://a.example 'Why'"


def test_a_long_definition_that_is_used_often_stays_small():
    text = f"[a]: https://a.example/{'b' * 5_000} '{'c' * 5_000}'\n\n" + "[a] ![][a] " * 2_500

    html = render_markdown(text, is_attachment)

    assert len(html) < 20 * len(text)
    assert Reading(html).faults == []
