"""Contrast of the texts of a page, in each colour scheme.

Each text is compared with the backgrounds of the elements around it, in a tenth of the time that
axe takes to find out what stands before what. Where something else than the elements around a text
is painted in the same place, which is rare, axe is asked.
"""

from __future__ import annotations

from typing import Any

from tests.support.pages.chromium import Remote

RULE = "color-contrast"
"""What axe calls it."""

_FIELDS = (
    "input:not([type=checkbox], [type=radio], [type=hidden], [type=range], [type=color]),"
    " textarea, select"
)
"""Fields that show texts."""

_FAINT_TEXTS = """() => {
  const canvas = new OffscreenCanvas(1, 1)
  const pixel = canvas.getContext('2d', { willReadFrequently: true })
  const known = new Map()
  const colour = text => {
    if (!known.has(text)) {
      pixel.clearRect(0, 0, 1, 1)
      pixel.fillStyle = text
      pixel.fillRect(0, 0, 1, 1)
      const [red, green, blue, alpha] = pixel.getImageData(0, 0, 1, 1).data
      known.set(text, [red, green, blue, alpha / 255])
    }
    return known.get(text)
  }
  const over = ([r, g, b, alpha], below) => [...[r, g, b].map(
    (part, at) => part * alpha + below[at] * (1 - alpha)), 1]
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(part => part / 255).map(
      part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    return 0.2126 * x + 0.7152 * y + 0.0722 * z
  }
  const sheet = document.documentElement.appendChild(document.createElement('div'))
  sheet.style.backgroundColor = 'Canvas'
  const canvasColour = colour(getComputedStyle(sheet).backgroundColor)
  sheet.remove()
  const grounds = new Map()
  // The background behind an element's texts, and the opacity of the element; null for a picture.
  const ground = element => {
    if (element === null) return { colour: canvasColour, opacity: 1 }
    if (!grounds.has(element)) {
      const style = getComputedStyle(element), own = colour(style.backgroundColor)
      const around = ground(element.parentElement)
      const opacity = around && around.opacity * style.opacity
      const faded = around && [...own.slice(0, 3), own[3] * opacity]
      const isPicture = style.backgroundImage !== 'none'
      const found = isPicture || (around === null && own[3] < 1) ? null : {
        colour: around === null ? own : over(faded, around.colour),
        opacity: around === null ? Number(style.opacity) : opacity
      }
      grounds.set(element, found)
    }
    return grounds.get(element)
  }
  const holders = new Set()
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    if (texts.currentNode.data.trim()) holders.add(texts.currentNode.parentElement)
  }
  for (const one of document.querySelectorAll('FIELDS')) holders.add(one)
  const isDisabled = element => element.closest(':disabled, [aria-disabled=true]') !== null ||
    element.closest('label')?.control?.disabled === true
  const faint = []
  for (const element of holders) {
    const isSeen = element.checkVisibility({ visibilityProperty: true, opacityProperty: true })
    if (!isSeen || isDisabled(element)) continue
    const { width, height } = element.getBoundingClientRect()
    const behind = ground(element)
    if (width <= 1 || height <= 1 || behind === null) continue
    const style = getComputedStyle(element), size = parseFloat(style.fontSize)
    const [r, g, b, alpha] = colour(style.color)
    const front = over([r, g, b, alpha * behind.opacity], behind.colour)
    const [less, more] = [light(front), light(behind.colour)].sort((one, other) => one - other)
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700)
    const ratio = (more + 0.05) / (less + 0.05)
    if (ratio < (isLarge ? 3 : 4.5)) {
      faint.push(`${ratio.toFixed(2)} ${element.outerHTML.slice(0, 150)}`)
    }
  }
  return [holders.size, faint]
}""".replace("FIELDS", _FIELDS)


OVERLAID_TEXTS = """() => {
  const painted = [], holders = new Set()
  const seen = { visibilityProperty: true, opacityProperty: true }
  for (const one of document.body.querySelectorAll('*')) {
    const { backgroundColor, backgroundImage } = getComputedStyle(one)
    const isPainted = backgroundImage !== 'none' || !/^rgba\\(.*, 0\\)$/.test(backgroundColor)
    if (!isPainted || !one.checkVisibility(seen)) continue
    const box = one.getBoundingClientRect()
    if (box.width > 1 && box.height > 1) painted.push([one, box])
  }
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    if (texts.currentNode.data.trim()) holders.add(texts.currentNode.parentElement)
  }
  for (const one of document.querySelectorAll('FIELDS')) holders.add(one)
  return [...holders].filter(text => {
    const { left, right, top, bottom, width, height } = text.getBoundingClientRect()
    if (width <= 1 || height <= 1 || !text.checkVisibility(seen)) return false
    return painted.some(([one, box]) => box.left < right && box.right > left &&
      box.top < bottom && box.bottom > top && !one.contains(text) && !text.contains(one))
  })
}""".replace("FIELDS", _FIELDS)
"""Elements with texts of which a part is painted over, or before, what does not hold them."""


def faint_texts(page: Remote) -> list[str]:
    """Elements whose own texts have less contrast than WCAG 2.2 AA asks for, as the page is now.

    A text before a picture is left out, as are disabled controls.
    """
    found: list[Any] = page.evaluate(_FAINT_TEXTS)
    assert found[0] > 0, "a page has texts"
    faint: list[str] = found[1]
    return faint
