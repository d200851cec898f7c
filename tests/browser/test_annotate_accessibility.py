"""The annotation page for everybody: axe, the order of the focus, and zoom, in a real browser."""

from __future__ import annotations

import pytest

from tests.support.annotators import AnnotationTeam, make_content
from tests.support.harness import on_shared_sqlite
from tests.support.pages.annotation_page import AnnotatorTab
from tests.support.pages.axe_rules import AXE, faults_in_both_schemes, run_axe


@on_shared_sqlite
@pytest.mark.slow
def test_axe_finds_nothing_on_the_pages_of_work(team, annotator_tab):
    team.add(
        make_content("`code`\n\n```python\nx = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |", "$x^2$")
    )
    ann = annotator_tab()
    found: list[str] = []

    def look(what: str) -> None:
        found.extend(f"{what}: {fault}" for fault in faults_in_both_schemes(ann.page))

    ann.page.goto(ann.server.url + team.path)
    look("queue")
    ann.take()
    ann.fill()
    ann.pick("truthfulness", "1", 1)
    look("task")
    for key, name in (("?", "help"), ("s", "skip"), ("f", "flag"), ("g", "guidelines")):
        ann.page.focus('[data-key="overall"] input')
        ann.page.keyboard.press(key)
        look(name)
        ann.page.keyboard.press("Escape")
    ann.page.set_viewport_size({"width": 390, "height": 844})
    look("phone")
    ann.submit()
    ann.page.goto(f"{ann.server.url}{team.path}/mine")
    look("mine")

    assert found == []


@on_shared_sqlite
def test_axe_looks_at_the_key_marks_on_buttons_and_finds_nothing(
    tenant, shared_server, open_context
):
    """Marks stand on buttons that say something else than their digit, chosen or not."""
    words = {"level": "turn", "possible_values": ["low", "high"]}
    fields = [
        {"key": "one", "type": "category", "not_applicable": True} | words,
        {"key": "some", "type": "category_multiple"} | words,
        {"key": "yes", "level": "message", "type": "boolean"},
        {"key": "issues", "level": "message", "type": "labeled_text", "labels": ["odd", "rude"]},
    ]
    marked = AnnotationTeam(tenant, "Marked", form={"fields": fields})
    marked.add()
    ann = AnnotatorTab(open_context, shared_server, marked, "Ann")
    page = ann.take()
    for key, value, position in (("one", "high", None), ("some", "low", None), ("yes", "true", 1)):
        ann.pick(key, value, position)
    page.click("[data-key=issues] [data-begin] >> nth=0")

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = run_axe(page, AXE)
        [contrast] = [one for one in found["passes"] if one["id"] == "color-contrast"]
        marks = [node for node in contrast["nodes"] if node["html"].startswith(MARK)]

        assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
        assert len(marks) == page.locator("kbd[aria-hidden=true]:visible").count() == 10


MARK = '<kbd aria-hidden="true"'


@on_shared_sqlite
def test_the_focus_goes_in_reading_order(team, annotator_tab):
    team.add()
    ann = annotator_tab(viewport={"width": 1440, "height": 900})
    page = ann.take()
    order = []

    page.focus(".skip")
    order.append(page.evaluate(WHERE))
    for _ in range(80):
        page.keyboard.press("Tab")
        order.append(page.evaluate(WHERE))
        if order[-1] == "submit":
            break

    kept = list(dict.fromkeys(order))
    assert kept == [
        *("skip link", "head", "tools", "context", "Width of the conversation"),
        *("response 1", "response 2", "Width of the questions", "meanings"),
        *("instruction_following", "truthfulness", "conciseness", "format", "safety", "overall"),
        *("likert_value", "justification", "what is missing", "submit"),
    ]


WHERE = """() => {
  const at = document.activeElement
  if (at.id === 'submit') return 'submit'
  if (at.matches('.skip')) return 'skip link'
  const question = at.closest('[data-question]')
  if (question) return question.dataset.key
  if (at.matches('.divider')) return at.ariaLabel
  if (at.closest('.about')) return 'meanings'
  const response = at.closest('.response')
  if (response) return `response ${response.dataset.response}`
  const places = [['header.bar', 'head'], ['#tools', 'tools'], ['.lead', 'context'],
    ['.submit-bar', 'what is missing']]
  for (const [selector, name] of places)
    if (at.closest(selector)) return name
  return at.outerHTML.slice(0, 80)
}"""


@on_shared_sqlite
def test_nothing_is_lost_sideways_when_zoomed(team, annotator_tab):
    team.add(make_content("w" * 400, "| " + " | ".join("abcdefgh") + " |\n" + "|---" * 8 + "|"))
    ann = annotator_tab()
    page = ann.take()
    wide, outside = [], []

    for width in (720, 512, 390, 320):
        page.set_viewport_size({"width": width, "height": 450})
        page.reload()
        ann.ready()
        wide += [width] * (page.evaluate("document.documentElement.scrollWidth") > width)
        outside += [(width, one) for one in page.evaluate(OUTSIDE, width)]

    assert (wide, outside) == ([], [])


OUTSIDE = """width => [
    ...document.querySelectorAll('button, input, select, textarea, summary, a, h2, h3')
  ]
  .filter(one => one.getClientRects().length && !one.closest('.rendered, .sr-only, .skip'))
  .filter(one => {
    const box = one.getBoundingClientRect()
    return box.right > width + 1 || box.left < -1
  })
  .map(one => one.outerHTML.slice(0, 100))"""
