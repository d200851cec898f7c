"""Identity leaks: responses that say which model wrote them, so that nobody judges them blind."""

from __future__ import annotations

import re
from collections.abc import Iterable

VENDORS = (
    *("AI21", "Aleph Alpha", "Anthropic", "Baichuan", "BigScience", "ChatGLM", "ChatGPT"),
    *("DeepMind", "DeepSeek", "EleutherAI", "GPT-3", "GPT-3.5", "GPT-4", "GPT-4o", "GPT-5"),
    *("Hugging Face", "MiniMax", "MistralAI", "Mistral AI", "Mixtral", "Moonshot AI"),
    *("OpenAI", "OpenAssistant", "Open Assistant", "PaLM 2", "Qwen", "StableLM"),
    *("WizardLM", "Zhipu"),
)
"""Names of vendors and of their models that mean nothing else."""

WORDS = (
    *("Alibaba", "Alpaca", "Amazon", "Bard", "Bloom", "Claude", "Cohere", "Command R", "Copilot"),
    *("Falcon", "Gemini", "Gemma", "Google", "Grok", "Kimi", "Llama", "Meta", "Microsoft"),
    *("Mistral", "Nova", "NVIDIA", "Phi", "Vicuna", "xAI", "Yi"),
)
"""Names that mean other things too: a leak only after words such as “I am” or “trained by”."""

COMMON = frozenset(
    ("answer", "assistant", "baseline", "bot", "chosen", "human", "model", "reference", "rejected")
) | {"response", "source", "system", "user"}
"""Names of sources that every text may have in it."""

NAME_CHARS_MIN = 3
TEXT_CHARS_MAX = 20_000
"""Characters from the beginning of a response that are looked at."""

_SELF = (
    r"(?:\bi(?:['’]m| am| was)\b|\bmy name is\b|\b(?:called|named|known as)\b"
    r"|\b(?:trained|developed|created|made|built|designed|released) (?:by|at)\b"
    r"|\bas an? (?:ai|language) model (?:by|from|of)\b)[^.!?\n]{0,40}?"
)


class IdentityNames:
    """Names to be looked for in responses: of the project's models and sources, and of vendors.

    Names of less than three characters, without a letter, and such as “model” are not looked for.
    """

    def __init__(self, own: Iterable[str]) -> None:
        names = {name.strip() for name in own}
        looked_for = {
            name
            for name in names
            if len(name) >= NAME_CHARS_MIN
            and name.casefold() not in COMMON
            and any(map(str.isalpha, name))
        }
        plain = {name.casefold(): name for name in (*VENDORS, *sorted(looked_for))}
        words = {word.casefold(): word for word in WORDS}
        self._plain = [(name, re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")) for name in plain]
        self._words = list(words)
        self._named = re.compile(rf"{_SELF}(?<!\w)({_either(words)})(?!\w)")
        self._spelling = words | plain

    def in_response(self, text: str, prompt: str = "") -> list[str]:
        """Names that a response has in it and its prompt has not, in alphabetical order."""
        folded = text[:TEXT_CHARS_MAX].casefold()
        found = {name for name, pattern in self._plain if name in folded and pattern.search(folded)}
        if any(word in folded for word in self._words):
            found |= {match[1] for match in self._named.finditer(folded)}
        if found:
            asked = prompt.casefold()
            found = {name for name in found if name not in asked}
        return sorted(self._spelling[name] for name in found)


def _either(names: Iterable[str]) -> str:
    """Pattern of any of the names, the longest first."""
    return "|".join(re.escape(name) for name in sorted(names, key=lambda one: (-len(one), one)))
