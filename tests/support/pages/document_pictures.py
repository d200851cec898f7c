"""Pictures of pages in the documents, made anew: `make pictures`.

`python -m tests.support.pages.document_pictures FOLDER` writes them, as a newcomer's demonstration
shows the pages, with the address that the README gives.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from tests.support.pages import chromium, page_gallery
from tests.support.pages.gallery_stage import demonstration
from tests.support.pages.page_gallery import Scene

PICTURES = {
    "annotate.png": ("task", 1280, 800),
    "questions.png": ("questions", 1280, 800),
    "import.png": ("import-file", 1280, 1080),
    "docs-page.png": ("docs", 1040, 928),
}
"""Scene, width and height of each picture."""

SCENES = {scene.name: scene for scene in page_gallery.SCENES} | {
    "docs": Scene("docs", "get_docs", "/docs", role=None)
}
_ADDRESS = """(shown) => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode;
    if (text.data.includes(location.host)) text.data = text.data.replaceAll(location.host, shown);
  }
}"""


def take(page: Any, path: Path, width: int, height: int) -> None:
    """A picture of a page that is ready, in a window of this size."""
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate(_ADDRESS, "127.0.0.1:8000")
    page.wait_for_timeout(300)
    page.screenshot(path=str(path))


def take_all(folder: Path) -> None:
    """All pictures of the documents, in the folder."""
    browsers = chromium.opened()
    browser = next(browsers)
    with demonstration() as demo:
        for name, (scene_name, width, height) in PICTURES.items():
            scene = SCENES[scene_name]
            context = page_gallery.enter(demo, browser, scene.role, color_scheme="light")
            page = context.new_page()
            page.set_viewport_size({"width": width, "height": height})
            take(page_gallery.visit(demo, page, scene), folder / name, width, height)
            context.close()
    next(browsers, None)


if __name__ == "__main__":
    if chromium.program() is None:
        sys.exit("Chromium is needed: install it, or put it on the PATH")
    os.environ.setdefault("PYTHONPATH", os.pathsep.join(sys.path))
    take_all(Path(sys.argv[1]))
