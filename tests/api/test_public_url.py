"""PLAUDIT_PUBLIC_URL: an origin is read, anything else stops the start with a sentence."""

from __future__ import annotations

import pytest

from plaudit.errors import Misconfigured
from plaudit.settings import from_environment
from tests.support.harness import run_cli
from tests.support.running.every_case import every_case


@every_case(
    "text, origin",
    [
        ("", None),
        ("https://feedback.example.com", "https://feedback.example.com"),
        ("https://feedback.example.com/", "https://feedback.example.com"),
        ("HTTPS://Feedback.Example.COM:8443/", "https://feedback.example.com:8443"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://plaudit_web", "http://plaudit_web"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_origin_is_read(text, origin):
    assert from_environment({"PLAUDIT_PUBLIC_URL": text}).public_url == origin


@every_case(
    "text",
    ["feedback.example.com", "feedback.example.com:8000", "//feedback.example.com", "https://",
     "https:feedback.example.com", "ftp://feedback.example.com", "https://example.com/plaudit",
     "https://example.com/plaudit/", "https://example.com//", "https://example.com?x=1",
     "https://example.com/#x", "https://user:secret@example.com", "https://example.com:99999",
     "https://example.com:0", "https://example.com:", "https://[::1", "https://[::zz]",
     "https://bücher.example", " https://example.com", "https://example.com\n", "https://a b"],
)  # fmt: skip
def test_what_is_no_origin_is_refused(text):
    with pytest.raises(Misconfigured, match="PLAUDIT_PUBLIC_URL must be http:// or https://"):
        from_environment({"PLAUDIT_PUBLIC_URL": text})


def test_a_server_with_such_a_url_does_not_start(tmp_path):
    done = run_cli("serve", "--data", str(tmp_path), PLAUDIT_PUBLIC_URL="feedback.example.com")

    assert done.returncode == 1
    assert done.stderr.startswith("plaudit: PLAUDIT_PUBLIC_URL must be http:// or https://")
    assert done.stderr.count("\n") == 1
