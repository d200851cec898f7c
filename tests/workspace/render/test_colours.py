"""Colours of the pages: each can be read, and responses are told apart by every kind of sight."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

import plaudit
from plaudit import workspace

STATIC = Path(workspace.__file__).parent / "static"
TOKENS = (STATIC / "shared" / "tokens.css").read_text("utf-8")
ORDINARY, STRONG = TOKENS.split("@media (prefers-contrast: more)")
PAIR = re.compile(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);")
DOCS = {"page": "page", "side": "panel", "card": "raised", "line": "line", "text": "text"}
DOCS |= {"soft": "soft", "link": "accent", "edge": "edge"}
SCHEMES = {"light": 0, "dark": 1}

# How dichromats see linear RGB: Machado, Oliveira and Fernandes 2009, at full severity.
SIGHTS = {
    "usual": np.eye(3),
    "no red cones": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "no green cones": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "no blue cones": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE = TO_XYZ @ np.ones(3)


def colours(scheme, sheet=ORDINARY):
    """The colour of each token in a scheme."""
    return {name: both[SCHEMES[scheme]] for name, *both in PAIR.findall(sheet)}


def linear(colour):
    channels = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    low, high = sorted(float(TO_XYZ[1] @ linear(colour)) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(rgb):
    """CIE L*a*b* of a linear colour."""
    share = TO_XYZ @ rgb / WHITE
    root = np.where(share > 216 / 24389, np.cbrt(share), (24389 / 27 * share + 16) / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def difference(one, other, sight):
    """Distance of two colours as a kind of sight sees them; 2.3 is just noticeable."""
    seen = [lab(np.clip(SIGHTS[sight] @ linear(colour), 0, 1)) for colour in (one, other)]
    return float(np.linalg.norm(seen[0] - seen[1]))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("sheet", [ORDINARY, STRONG], ids=["usual", "more contrast"])
def test_every_text_can_be_read_on_every_surface(sheet, scheme):
    found = colours(scheme) | colours(scheme, sheet)
    inks = ["text", "soft", "accent", "good", "bad", "warn"]
    inks += [f"response-{number}" for number in range(1, 9)]
    pairs = list(itertools.product(inks, ("page", "panel")))
    pairs += [("text", "raised"), ("soft", "raised"), ("on-accent", "accent")]
    pairs += [(name, f"{name}-tint") for name in ("good", "bad", "warn")]

    assert {
        pair: round(ratio, 2)
        for pair in pairs
        if (ratio := contrast(*(found[name] for name in pair))) < 4.5
    } == {}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_edges_of_controls_can_be_seen(scheme):
    found = colours(scheme)

    assert min(contrast(found["edge"], found[name]) for name in ("page", "panel")) >= 3


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_first_two_responses_look_different_to_everybody(scheme, sight):
    found = colours(scheme)

    assert difference(found["response-1"], found["response-2"], sight) > 40


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_four_responses_look_different_to_everybody(scheme, sight):
    found = colours(scheme)
    pairs = itertools.combinations(range(1, 5), 2)

    assert {
        pair: round(apart, 1)
        for pair in pairs
        if (apart := difference(*(found[f"response-{n}"] for n in pair), sight)) < 15
    } == {}


def test_colours_are_named_in_the_tokens_alone():
    """Texts that are rendered bring the colours of code along."""
    named = {
        sheet.relative_to(STATIC).as_posix()
        for sheet in STATIC.rglob("*.css")
        if re.search(r"#[0-9a-f]{6}\b|\brgba?\(|\bhsla?\(", sheet.read_text("utf-8"))
    }

    assert named == {"shared/tokens.css", "shared/rendered.css"}


def test_the_documentation_page_has_the_same_surfaces_and_ink():
    docs = (Path(plaudit.__file__).parent / "api" / "openapi" / "static" / "docs.css").read_text()
    light, dark = docs.split("@media (prefers-color-scheme: dark)", 1)
    for sheet, scheme in ((light, "light"), (dark, "dark")):
        of_docs = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", sheet))
        named = colours(scheme)
        for own, token in DOCS.items():
            assert of_docs[own] == named[token], (own, scheme)
