"""Bundles: an annotation page is few files and few bytes, and each has all that it is made of."""

from __future__ import annotations

import re

import pytest

from plaudit.workspace.http import assets, bundles
from tests.support.annotators import AnnotationTeam
from tests.support.harness import above_the_store

REQUESTS_MAX = 4
BYTES_MAX = 60_000
"""Bytes of page, scripts, styles and icon as they are sent, compressed."""

TEXTS = {
    "a.js": 'import { two as b, C } from "./in/b.js";\n\n/** A. */\nexport const a = b + C;\n',
    "in/b.js": '// B\nexport const C = 1;\nexport const two = () =>\n  import("../c.js");\n',
    "c.js": "export class D {}\nexport async function e() {}\n",
}


def made(monkeypatch: pytest.MonkeyPatch, texts: dict[str, str]) -> str:
    monkeypatch.setitem(bundles.BUNDLES, "bundles/x.js", ("a.js",))
    return bundles.make("bundles/x.js", texts.__getitem__, list(texts))


@above_the_store
def test_an_annotation_page_is_few_files_and_few_bytes(shared_world):
    team = AnnotationTeam(shared_world.tenant())
    team.add()
    given = {"accept-encoding": "gzip"}
    with team.world.connect() as client:
        worker = team.worker(client)
        worker.take()
        page = worker.get(worker.at, **given)
        urls = set(re.findall(r'"(/static/[^"]+)"', page.text))
        answers = [page, *(client.get(url, headers=given) for url in urls)]

    assert len(answers) <= REQUESTS_MAX
    assert {one.headers["content-encoding"] for one in answers} == {"gzip"}
    assert sum(int(one.headers["content-length"]) for one in answers) <= BYTES_MAX


def test_a_module_comes_after_those_it_imports_and_gets_what_they_export(monkeypatch):
    text = made(monkeypatch, TEXTS)
    order = re.findall(r"^\$made\.has\('([^']+)'", text, re.M)

    assert order == ["c.js", "in/b.js", "a.js"]
    assert "const { two: b, C } = $made.get('in/b.js');" in text
    assert "\n$lazy('in', \"../c.js\");" in text
    assert [line for line in text.splitlines() if line.startswith("return {")] == [
        "return { D, e };", "return { C, two };", "return { a };",
    ]  # fmt: skip
    assert "/** A. */" not in text
    assert "// B" not in text


def test_modules_that_few_pages_run_stand_apart_with_what_they_alone_import(monkeypatch):
    monkeypatch.setitem(bundles.BUNDLES, "bundles/late.js", ("c.js",))
    monkeypatch.setitem(bundles.APART, "c.js", "bundles/late.js")
    text = made(monkeypatch, TEXTS)

    apart = bundles.make("bundles/late.js", TEXTS.__getitem__, list(TEXTS))

    assert re.findall(r"^\$made\.has\('([^']+)'", text, re.M) == ["in/b.js", "a.js"]
    assert '"c.js":"./late.js"' in text
    assert apart.startswith("export async function add($made, $lazy) {\n$made.has('c.js') || ")
    assert apart.endswith("return { D, e };\n})());\n}\n")


@pytest.mark.parametrize(
    "line",
    [
        'import whole from "./in/b.js";',
        'export { a } from "./in/b.js";',
        "export default 1;",
        "export let changing = 1;",
        'import { b } from "../a.js";',
    ],
)
def test_what_a_bundle_cannot_hold_is_refused_when_it_is_made(monkeypatch, line):
    with pytest.raises(AssertionError):
        made(monkeypatch, TEXTS | {"in/b.js": line + "\n"})


def test_a_style_keeps_what_only_looks_like_a_comment(monkeypatch):
    monkeypatch.setitem(bundles.BUNDLES, "bundles/x.css", ("x.css",))
    styles = {"x.css": '/* gone */\na::before {\n  content: "/* kept */";\n}\n'}
    text = bundles.make("bundles/x.css", styles.__getitem__, ["x.css"])

    assert text == 'a::before {\ncontent: "/* kept */";\n}'


def test_every_file_of_a_bundle_is_there(monkeypatch):
    for parts in bundles.BUNDLES.values():
        for part in parts:
            assert assets.text_of(part)
