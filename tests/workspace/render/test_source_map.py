"""Each word that a rendered text shows leads to the place where it is written."""

from __future__ import annotations

import random
import re

import pytest

from plaudit.workspace.render import markdown, rich_text, source_map
from plaudit.workspace.render.sanitize import no_attachment
from tests.support.running.every_case import every_case

WORD = re.compile(r"w\d+x")

INLINE = [
    "{} {}",
    "*{}* {}",
    "**{}** and __{}__ _{}_",
    "***{}*** *{} **{}***",
    "~~{}~~ ~{}",
    "`{}` ``{} ` {}`` ` {} `",
    "[{}](https://a.example/{})",
    '[{} *{}*](https://a.example "{} {}") {}',
    "[{}](relative/{}) {}",
    "[{}](javascript:{}) {}",
    "![{}](https://a.example/{}.png) {}",
    '![{}](https://a.example/p.png "{}") {}',
    "<https://a.example/{}> {}",
    "<{}@a.example> {}",
    "https://a.example/{}?q={}. {}",
    "{}&amp;{} &lt;{}&gt; &#169;{}&nosuch;{}",
    r"\*{}\* \{} {}\\{}",
    "{}<b>{}</b> <!-- {} -->",
    "${} + x^2$ {}",
    r"\({}_1\) {}",
    "costs $5 {} and $6 {}",
    "🙂{} e\u0301{} 数学{} \u202e{} \u200b{}",
    "*{} {} **{}",
    "{} [{}] {} ![{}] [{}][nowhere]",
    "[{}][known] [known] {}",
    "{}  \n{}\\\n{}\n   {}",
    "{}\t{}",
]
BLOCKS = [
    "{}",
    "# {} #",
    "###### {} # x ##",
    "{}\n===",
    "{}\n{}\n---",
    "- {}\n- {}\n\n  {}\n  - {}\n",
    "1. {}\n   {}\n2) {}\n",
    "> {}\n> {}\n{}\n",
    "> - {}\n>   {}\n>\n>       {}\n",
    "- > {}\n\n\t{}\n",
    "```\n{}\n  {}\n```",
    "~~~python {}\ndef w0x(): # {}\n~~~",
    "```{} {}\n{}",
    "- ```js\n  {}\n\n\t{}\n  ```\n",
    "    {}\n\n      {}\n",
    "\t{}",
    "| {} | {} |\n|---|:-:|\n| {} | `{}` \\| {} | {} |\n{} | |\n",
    "> | {} |\n> |---|\n> | {} |\n",
    "- {} | {}\n  --|--\n  {} | {}\n",
    '[other]: https://a.example/{} "{}"',
    "[other]:\n  <https://a.example/{}>\n  '{}'",
    "[^1]: {}",
    "$$\n{} + \\frac{{1}}{{2}}\n$$",
    "***\n{}",
    "   {}   ",
    "<div>\n{}\n</div>",
]
KNOWN = '\n\n[known]: https://a.example/known "title"\n'


class Words:
    """Words that are all different."""

    count = 0

    def put_into(self, pattern: str) -> str:
        def word(_match: re.Match[str]) -> str:
            self.count += 1
            return f"w{self.count}x"

        return re.sub(r"(?<!\{)\{\}(?!\})", word, pattern).replace("{{", "{").replace("}}", "}")


def pieces_of(text: str) -> tuple[str, str, list[source_map.Piece]]:
    """The tidied text, what is visible of it, and the map between them."""
    text = rich_text.tidy(text)
    rendered = rich_text.render_markdown(text)
    tokens, _ = markdown.to_tokens_and_html(text, no_attachment)
    return (
        text,
        source_map.visible_text(rendered),
        source_map.map_markdown(text, tokens, rendered),
    )


def check_words(text: str) -> int:
    """Check each visible word's place in a text; returns how many have an exact one."""
    text, visible, pieces = pieces_of(text)
    exact_count = 0
    for match in WORD.finditer(visible):
        start, end = match.span()
        over = [one for one in pieces if one.visible < end and one.visible + one.length > start]
        assert over, f"{match[0]} of {text!r} has no place in {visible!r}"
        if all(one.is_exact for one in over):
            first, last = over[0], over[-1]
            place = first.source + start - first.visible, last.source + end - last.visible
            assert text[slice(*place)] == match[0], text
            exact_count += 1
        else:
            whole = text[over[0].source : over[-1].source + over[-1].source_length]
            assert match[0] in whole or "%" in text or "frac" in text, text
    return exact_count


@every_case("block", BLOCKS)
def test_each_word_of_each_construct_leads_to_its_place(block):
    is_one_line = block.startswith("#") or "|" in block
    for pattern in INLINE:
        words = Words()
        inline = words.put_into(pattern)
        inside = inline.replace("\n", " ") if is_one_line else inline
        check_words(words.put_into(block.replace("{}", inside, 1)) + KNOWN)


def test_most_words_have_a_place_of_their_own():
    words = Words()
    text = "\n\n".join(words.put_into(one) for one in [*INLINE, *BLOCKS])
    exact_count = check_words(text + KNOWN)

    assert exact_count > 0.8 * len(WORD.findall(pieces_of(text)[1]))


def test_texts_put_together_at_random_keep_every_place():
    picked = random.Random(5)
    for _ in range(150):
        words = Words()
        parts = [words.put_into(picked.choice(BLOCKS + INLINE)) for _ in range(6)]
        check_words(picked.choice(("\n", "\n\n", "\n> ", "\n  ")).join(parts) + KNOWN)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_are_one_character_as_in_the_tidied_text(end):
    text, visible, pieces = pieces_of(f"One{end}two{end}{end}- three")

    assert [text[one.source : one.source + one.length] for one in pieces] == ["One", "two", "three"]
    assert [visible[one.visible :][: one.length] for one in pieces] == ["One", "two", "three"]


def test_what_stands_as_a_whole_is_told_with_its_source():
    text, visible, pieces = pieces_of("a &amp; $x^2$ ![b](https://c.example/d)")
    whole = [one for one in pieces if not one.is_exact]

    assert [text[one.source :][: one.source_length] for one in whole] == [
        "&amp;",
        "$x^2$",
        "![b](https://c.example/d)",
    ]
    assert [visible[one.visible :][: one.length] for one in whole] == ["&", "x2", "Image: b"]


def test_the_map_is_counted_as_scripts_count_and_stands_on_the_text():
    rendered = rich_text.render_mapped("🙂 *a* &amp;")

    assert rendered.startswith('<div class="rendered" data-map="0.3.0 3.1.3 4.1.5 5.1.6.5">')
    assert rendered.replace(' data-map="0.3.0 3.1.3 4.1.5 5.1.6.5"', "") == (
        rich_text.render_markdown("🙂 *a* &amp;")
    )


def test_a_text_that_is_shown_as_it_is_has_a_map_too():
    rendered = rich_text.render_plain("a\u200bb", "Note", is_mapped=True)

    assert 'data-map="4.1.0 5.8.1.1 13.1.2"' in rendered
