"""Version of a form: the hash of its questions, by which answers say what they answered."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import msgspec

from plaudit.core.tasks.forms import Form, form_of
from plaudit.model.core import ProjectRow
from plaudit.wire.v2.resources import project_detail

_encode = msgspec.json.Encoder(order="deterministic").encode


def form_version(form: Form) -> str:
    """The version of a form: 16 hex digits, equal for equal forms in every store."""
    return hashlib.blake2b(_encode(form), digest_size=8).hexdigest()


@lru_cache(maxsize=256)
def form_with_version(detail: bytes) -> tuple[Form, str]:
    """The form of a project with this stored detail, and its version; not to be changed.

    Every submission asks for both.
    """
    form = form_of(project_detail(ProjectRow(0, "", "", "", 0, detail)))
    return form, form_version(form)
