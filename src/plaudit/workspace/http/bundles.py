"""Bundles: the scripts, or the styles, of a page that has many, as one file.

A module becomes a function that runs once and returns what the module exports; it gets what it
imports from those before it. That takes modules as ours are: named imports at the beginning,
exports by declaration, no circle. Comments and indentation are left out. The files are served too.
Modules that few pages run stand in bundles apart, which the others load when they first need them.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence

import msgspec

BUNDLES: dict[str, tuple[str, ...]] = {
    "bundles/task.css": (
        *("shared/tokens.css", "shared/base.css", "shared/rendered.css", "shared/turns.css"),
        *("annotate/task.css", "annotate/prompt.css", "annotate/panes.css"),
        *("annotate/questions.css", "annotate/grid.css", "annotate/judging.css"),
    ),
    "bundles/task.js": ("shared/shell.js", "annotate/main.js"),
    "bundles/review.css": (
        *("shared/tokens.css", "shared/base.css", "shared/rendered.css", "shared/turns.css"),
        *("annotate/task.css", "annotate/prompt.css", "annotate/panes.css"),
        *("annotate/questions.css", "annotate/grid.css", "review/review.css", "shared/talk.css"),
    ),
    "bundles/review.js": ("shared/shell.js", "review/main.js"),
    "bundles/palette.js": ("shared/palette.js",),
    "bundles/spans.js": ("annotate/widgets/spans.js",),
}
"""Files of each bundle, in their order; of scripts those that a page names."""

APART = {BUNDLES[name][0]: name for name in ("bundles/palette.js", "bundles/spans.js")}
"""Bundles that others load with `import()`, by the module that is wanted then."""

TextOf = Callable[[str], str]
"""Text of a file by its path."""

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[\w./]+\.js)";$', re.M)
_EXPORT = re.compile(r"^export ((?:async )?(?:function\*?|class|const) (\w+))", re.M)
_LEFT = re.compile(r"^\s*(?:import|export)\b.*$", re.M)
_LAZY = re.compile(r"\bimport\(")
_LAZY_NAMED = re.compile(r"\bimport\((?:`(\.[\w./]+)/\$\{\w+\}\.js`|\"(\.[\w./]+\.js)\")\)")
_COMMENT_LINE = re.compile(r"^\s*//.*\n|^\s*/\*(?:[^*]|\*(?!/))*\*/[ \t]*\n", re.M)
_CSS_COMMENT = re.compile(r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|/\*.*?\*/", re.S)
_LAZILY = """\
const $made = new Map();
const $apart = %s;
const $loading = {};
const $load = async (name) => {
try {
await (await import($apart[name])).add($made, $lazy);
} finally {
delete $loading[name];
}
};
const $lazy = async (folder, path) => {
const name = new URL(path, `https://x/${folder}/`).pathname.slice(1);
if (!$made.has(name)) await ($loading[name] ??= $load(name));
return $made.get(name);
};
"""
"""Begins a bundle. What could not be loaded is asked for again when it is next wanted."""


def make(name: str, text_of: TextOf, names: Sequence[str]) -> str:
    """Text of a bundle; `names` are all files there are."""
    parts = BUNDLES[name]
    if name.endswith(".css"):
        return "\n".join(_bare_style(text_of(part)) for part in parts)
    order: list[str] = []
    for part in parts:
        _arrange(part, text_of, names, order, ())
    modules = "".join(_module(module, text_of(module), order) for module in order)
    if parts[0] in APART:
        return f"export async function add($made, $lazy) {{\n{modules}}}\n"
    apart = {module: f"./{posixpath.basename(other)}" for module, other in APART.items()}
    return _LAZILY % msgspec.json.encode(apart).decode() + modules


def _arrange(
    module: str, text_of: TextOf, names: Sequence[str], order: list[str], above: tuple[str, ...]
) -> None:
    """Append a module to `order` behind those that it imports, directly or when it runs."""
    if module in order:
        return
    assert module not in above, f"modules import one another in a circle: {module}"
    folder = posixpath.dirname(module)
    text = text_of(module)
    wanted = [_joined(folder, path) for _, path in _IMPORT.findall(text)]
    later: list[str] = []
    for below, path in _LAZY_NAMED.findall(text):
        found = f"{_joined(folder, below)}/" if below else ""
        later += [
            other
            for other in names
            if (other.startswith(found) and "/" not in other[len(found) :] if found
                else other == _joined(folder, path)) and other.endswith(".js")
        ]  # fmt: skip
    for other in (*wanted, *(other for other in later if other not in APART)):
        _arrange(other, text_of, names, order, (*above, module))
    order.append(module)


def _module(name: str, text: str, made: Sequence[str]) -> str:
    """One module as a statement that adds its exports to `$made`, unless they are there."""
    folder = posixpath.dirname(name)

    def take(match: re.Match[str]) -> str:
        named = match[1].replace(" as ", ": ")
        other = _joined(folder, match[2])
        assert other in made, f"{name} imports {other}, which is not there"
        return f"const {{{named}}} = $made.get({other!r});"

    body = _IMPORT.sub(take, _bare_script(text))
    exported = [match[2] for match in _EXPORT.finditer(body)]
    body = _LAZY.sub(f"$lazy({folder!r}, ", _EXPORT.sub(r"\1", body))
    left = _LEFT.findall(body)
    assert not left, f"{name} has what a bundle cannot: {left[0]}"
    return (
        f"$made.has({name!r}) || $made.set({name!r}, await (async () => {{\n{body}"
        f"return {{ {', '.join(exported)} }};\n}})());\n"
    )


def _joined(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, path))


def _bare_script(text: str) -> str:
    """A script without comments that have lines of their own, and without indentation."""
    if any(line.count("`") % 2 for line in text.splitlines()):
        return text  # a template of several lines has its indentation, and may hold anything
    return re.sub(r"\n\s+", "\n", _COMMENT_LINE.sub("", text))


def _bare_style(text: str) -> str:
    kept = _CSS_COMMENT.sub(lambda match: match[1] or "", text)
    return re.sub(r"\s*\n\s*", "\n", kept).strip()
