"""Texts of a page's scripts: the messages that the modules it loads may say, translated.

A page in another language than English brings them as JSON, in an element that is no script to the
browser, so the policy stays as it is. `static/shared/texts.js` reads them.
"""

from __future__ import annotations

import posixpath
import re
from functools import cache

import jinja2
import msgspec
from markupsafe import Markup

from plaudit.workspace.http import assets
from plaudit.workspace.http.bundles import BUNDLES
from plaudit.workspace.language import languages
from plaudit.workspace.language.languages import ENGLISH, Language

_ASSET = re.compile(r"asset\('([\w/]+\.js)'\)")
_REFERENCE = re.compile(r'\{% (?:extends|from|include|import) "([\w/]+\.html)"')
_IMPORT = re.compile(r"(?:from|import)[\s(]*\"(\.[\w./]+\.js)\"")
_LOADED = re.compile(r"import\(`(\./[\w/]+)/\$\{\w+\}\.js`\)")
"""Import of one of a folder's modules, chosen when it runs."""

_STRING = r'("(?:[^"\\\n]|\\.)*")'
_SAID = re.compile(rf"\btn?\(\s*{_STRING}(?:\s*,\s*{_STRING})?")


class ScriptTexts:
    """Translations for scripts, by template and language; made when they are first wanted."""

    def __init__(self, templates: jinja2.Environment) -> None:
        self._templates = templates
        self._made: dict[tuple[str, str], Markup] = {}

    def for_page(self, template: str, language: Language) -> Markup:
        """JSON for the scripts of a page; empty in English."""
        if language == ENGLISH:
            return Markup()
        key = (template, language.code)
        if key not in self._made:
            self._made[key] = self._make(template, language)
        return self._made[key]

    def _make(self, template: str, language: Language) -> Markup:
        known = languages.catalogue(language.code).texts
        texts: dict[str, str | list[str]] = {}
        for module in self._modules(template):
            for message, _ in said_in(module):
                forms = known.get(("", message))
                if forms is not None:
                    texts[message] = forms[0] if len(forms) == 1 else forms
        content = {"categories": language.plural_categories, "texts": texts}
        return Markup(msgspec.json.encode(content).decode().replace("<", "\\u003c"))

    def _modules(self, template: str) -> set[str]:
        found: set[str] = set()
        wanted, seen = [template], set[str]()
        while wanted:
            name = wanted.pop()
            if name in seen or self._templates.loader is None:
                continue
            seen.add(name)
            source = self._templates.loader.get_source(self._templates, name)[0]
            wanted += _REFERENCE.findall(source)
            for file in _ASSET.findall(source):
                for module in BUNDLES.get(file, (file,)):
                    found |= reached_from(module)
        return found


@cache
def reached_from(module: str) -> frozenset[str]:
    """Modules that a module imports, directly or not, and itself."""
    found: set[str] = set()
    wanted = [module]
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        found.add(name)
        folder = posixpath.dirname(name)
        for other in _LOADED.findall(assets.text_of(name)):
            wanted += assets.names_below(posixpath.normpath(posixpath.join(folder, other)))
        wanted += [
            posixpath.normpath(posixpath.join(folder, other))
            for other in _IMPORT.findall(assets.text_of(name))
        ]
    return frozenset(found)


@cache
def said_in(module: str) -> tuple[tuple[str, str], ...]:
    """Messages that a module says with `t` and `tn`, each with its plural or an empty text."""
    return tuple(
        (msgspec.json.decode(one), msgspec.json.decode(many) if many else "")
        for one, many in _SAID.findall(assets.text_of(module))
    )
