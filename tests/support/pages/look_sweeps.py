"""Scripts for tests in a browser: faults of how a page looks, each as a list of sentences."""

from __future__ import annotations

_TEXTS = """
  const isClipped = (one) => one !== null && getComputedStyle(one).clipPath !== 'none';
  const texts = (within, left_out) => {
    const found = [];
    const walk = document.createTreeWalker(within, NodeFilter.SHOW_TEXT);
    for (let node; (node = walk.nextNode());) {
      const parent = node.parentElement;
      if (node.textContent.trim() && !parent.closest(left_out)
        && !isClipped(parent.closest('thead'))
        && parent.checkVisibility({ visibilityProperty: true })) found.push(node);
    }
    return found;
  };
  const rects = (node, from = 0, to = node.length) => {
    const range = document.createRange();
    range.setStart(node, from);
    range.setEnd(node, to);
    return [...range.getClientRects()];
  };"""

TIGHT = f"""() => {{{_TEXTS}
  const buttons = document.querySelectorAll('button:not(.quiet), .button:not(.quiet)');
  return [...buttons].filter((one) => {{
    const style = getComputedStyle(one), box = one.getBoundingClientRect();
    return one.checkVisibility() && one.textContent.trim().length > 3
      && style.borderTopStyle !== 'none' && style.overflowX === 'visible'
      && texts(one, '.sr-only, .in-words').some((node) => rects(node).some((line) =>
        line.width > 1 && Math.min(line.left - box.left, box.right - line.right) < 4));
  }}).map((one) => `words touch the edge: ${{one.outerHTML.slice(0, 120)}}`);
}}"""
"""Buttons whose words touch their edge."""

OVER = f"""() => {{{_TEXTS}
  const clips = (one) => getComputedStyle(one).overflowX !== 'visible'
    || getComputedStyle(one).clipPath !== 'none';
  const rooms = new Map([[document.body, null]]);
  const room = (one) => {{  // of what is in an element, as far as elements around it clip it
    if (!rooms.has(one)) {{
      const around = room(one.parentElement);
      const box = clips(one) ? one.getBoundingClientRect() : null;
      rooms.set(one, box && around ? common(box, around) : box ?? around);
    }}
    return rooms.get(one);
  }};
  const common = (a, b) => ({{
    left: Math.max(a.left, b.left),
    right: Math.min(a.right, b.right),
    top: Math.max(a.top, b.top),
    bottom: Math.min(a.bottom, b.bottom),
  }});
  const seen = (box, node) => {{
    const within = room(node.parentElement);
    return within ? common(box, within) : box;
  }};
  const left_out = '.sr-only, .submit-bar, .save-bar, svg, option, textarea, math, dialog';
  const lines = texts(document.querySelector('main'), left_out)
    .flatMap((node) => rects(node).map((box) => [seen(box, node), node]))
    .filter(([box]) => box.right - box.left > 2 && box.bottom - box.top > 6)
    .sort(([a], [b]) => a.top - b.top);
  const found = new Set();
  lines.forEach(([a, one], at) => {{
    for (const [b, other] of lines.slice(at + 1)) {{
      if (b.top > a.bottom) break;
      const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const [words, others] = [one, other].map((node) => node.textContent.trim().slice(0, 40));
      if (one !== other && width > 3 && Math.min(a.bottom, b.bottom) - b.top > 7)
        found.add(`${{words}} lies over ${{others}}`);
    }}
  }});
  return [...found];
}}"""
"""Texts that lie over other texts, where both are in sight."""

TORN = f"""() => {{{_TEXTS}
  const left_out = '.sr-only, code, pre, textarea, option, svg, math, .rendered, .excerpt, .url';
  const day = /\\d{{4}}-\\d\\d-\\d\\d/;
  const word = /(?<![\\p{{L}}\\d_\\u00AD])\\p{{L}}{{3,24}}(?![\\p{{L}}\\d_])/u;
  const whole = new RegExp(`${{day.source}}|${{word.source}}`, 'gu');
  return texts(document.querySelector('main'), left_out).flatMap((node) => {{
    if (new Set(rects(node).map((box) => Math.round(box.top))).size < 2) return [];
    return [...node.textContent.matchAll(whole)].filter((word) => {{
      const boxes = rects(node, word.index, word.index + word[0].length);
      const tops = boxes.filter((box) => box.width > 1).map((box) => box.top);
      return Math.max(...tops) - Math.min(...tops) > 6;
    }}).map((word) => `torn into lines: ${{word[0]}}`);
  }});
}}"""
"""Days and words of up to 24 letters that are torn into two lines, where no hyphen says so."""

SWEEPS = (TIGHT, OVER, TORN)
