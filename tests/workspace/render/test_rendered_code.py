"""Code in rendered texts, and its colours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from plaudit.workspace.render import highlighting, rich_text
from plaudit.workspace.render.sanitize import CODE_CLASSES
from tests.support.pages.hostile_texts import RUN
from tests.support.running.every_case import every_case
from tests.workspace.render.test_rendering import shown


def test_code_is_coloured_by_the_language_its_fence_names():
    page = shown('```python title="x"\nreturn 1\n```')

    assert {"class": "k"} in page.all("span")
    assert page.all("div")[1] == {
        "class": "code", "dir": "ltr", "data-copy": "", "data-language": "python",
    }  # fmt: skip


@pytest.mark.parametrize("info", ["", "nonsense", "../../x", "python\u0301", "terraform"])
def test_code_in_a_language_we_do_not_colour_stays_plain(info):
    page = shown(f"```{info}\nreturn 1\n```")

    assert page.all("span") == []
    assert page.text.strip() == f"{info}return 1"


@every_case("language", sorted(highlighting.LANGUAGES))
def test_colours_change_no_character_of_the_code(language):
    code = (
        f"<a href='x'>{{% x %}} \"b\\n\" /* c */ # d\n\n\t1.5e3 == é && $x {RUN} \r \\ ```` \n  \n"
    )

    page = shown(f"`````{language}\n{code}`````")

    assert page.faults == []
    assert page.text.strip("\n") == code.replace("\r", "\n").strip("\n")


@pytest.mark.parametrize(
    "code",
    ["x = 1\n" * 500, "x" * 600, "x = 1;" * 1700],
    ids=["many lines", "a long line", "much"],
)
def test_code_beyond_the_limits_stays_plain(code):
    page = shown(f"```python\n{code}\n```")

    assert page.all("span") == []
    assert page.text.strip() == code.strip()


def test_colours_end_where_the_allowance_of_a_text_ends():
    block = "```python\n" + "x = 1\n" * 390 + "```\n\n"

    page = shown(block * 60)

    assert 500 < len(page.all("span")) < 4_000
    assert page.text.count("x = 1") == 390 * 60


STATIC = Path(rich_text.__file__).parents[1] / "static"
STYLE = (STATIC / "shared" / "rendered.css").read_text("utf-8")


def colours() -> list[dict[str, str]]:
    """The variables of the style sheet, in light and in dark."""
    light, dark = re.split(r"@media \(prefers-color-scheme: dark\)", STYLE)
    found = re.compile(r"--shown-([a-z-]+): (#[0-9a-f]{6});")
    return [dict(found.findall(light)), dict(found.findall(light)) | dict(found.findall(dark))]


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2.2, from 1 to 21."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_colour_can_be_read(scheme):
    found = colours()[scheme]
    code = ("text", "comment", "keyword", "name", "builtin", "string", "number", "removed", "added")
    pairs = [(name, "code") for name in code]
    pairs += [("text", "page"), ("soft", "page"), ("link", "page")]
    pairs += [("removed", "removed-page"), ("added", "added-page")]

    assert {pair: round(contrast(*(found[n] for n in pair)), 1) for pair in pairs
            if contrast(*(found[n] for n in pair)) < 4.5} == {}  # fmt: skip


def test_the_style_sheet_knows_every_class_that_code_gets():
    known = set(re.findall(r"\.([a-z0-9]+)(?=[,) ])", STYLE))

    assert CODE_CLASSES - known == set()


def test_the_style_sheet_loads_nothing():
    assert not re.search(r"url\(|@import|image-set|http", STYLE)
