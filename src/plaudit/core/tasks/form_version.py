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
def version_of_detail(detail: bytes) -> str:
    """The version of the form of a project with this stored detail."""
    return form_version(form_of(project_detail(ProjectRow(0, "", "", "", 0, detail))))
