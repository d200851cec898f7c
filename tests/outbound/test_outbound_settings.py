"""The two settings that concern what Plaudit connects to, read and handed on."""

from __future__ import annotations

import os

import pytest

from plaudit.errors import Misconfigured
from plaudit.settings import Settings, from_environment, to_environment
from tests.support.running.every_case import every_case


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("", []),
        (" , ", []),
        ("10.0.0.0/8", ["10.0.0.0/8"]),
        (" 127.0.0.1 ,::1/128,fd00::/8", ["127.0.0.1/32", "::1/128", "fd00::/8"]),
    ],
)
def test_permitted_networks_are_read(text, networks):
    found = from_environment({"PLAUDIT_EGRESS_ALLOW": text}).egress_allow

    assert [str(network) for network in found] == networks


@pytest.mark.parametrize(
    "text",
    ["localhost", "10.0.0.1/8", "10.0.0.0/33", "10.*", "127.1", "10.0.0.0/8;::1"],
)
def test_what_is_no_network_is_refused_by_name(text):
    with pytest.raises(Misconfigured, match="PLAUDIT_EGRESS_ALLOW"):
        from_environment({"PLAUDIT_EGRESS_ALLOW": text})


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example?from=a@b.example", ("smtp", "mail.example", 25, None, None)),
        ("smtps://mail.example?from=a@b.example", ("smtps", "mail.example", 465, None, None)),
        (
            "smtp+starttls://u%40x:p%2F%3A@mail.example:2525/?from=a@b.example",
            ("smtp+starttls", "mail.example", 2525, "u@x", "p/:"),
        ),
        ("smtp://[::1]:25?from=a@b.example", ("smtp", "::1", 25, None, None)),
    ],
)
def test_a_mail_server_is_read(url, expected):
    server = from_environment({"PLAUDIT_SMTP_URL": url}).smtp

    assert server is not None
    assert (server.scheme, server.host, server.port, server.user, server.password) == expected
    assert server.sender == "a@b.example"


def test_a_plus_in_the_sender_is_a_plus():
    server = from_environment({"PLAUDIT_SMTP_URL": "smtp://m?from=a+b@c.example"}).smtp

    assert server is not None
    assert server.sender == "a+b@c.example"


@every_case(
    "url",
    [
        "mail.example", "http://mail.example?from=a@b.example", "smtp://mail.example",
        "smtp://?from=a@b.example", "smtp://mail.example?from=", "smtp://mail.example?from=a",
        "smtp://mail.example?to=a@b.example", "smtp://mail.example/x?from=a@b.example",
        "smtp://mail.example?from=a@b.example&x=1", "smtp://mail.example?from=a@b.example#x",
        "smtp://mail.example:0?from=a@b.example", "smtp://mail.example:99999?from=a@b.example",
        "smtp://mail.example:x?from=a@b.example", "smtp://mail.example?from=a%0d%0ab@c.example",
        "smtp://mail.exa mple?from=a@b.example", "smtp://mail.example\n?from=a@b.example",
        "http://mail.example:25?from=a@b.example", "smtp://[::1?from=a@b.example",
        "smtp://user:hunter2/x@mail.example?from=a@b.example",
    ],
)  # fmt: skip
def test_a_wrong_mail_server_is_refused_by_name_without_its_password(url):
    secret = url.replace("://", "://user:hunter2@", 1)

    for text in (url, secret):
        with pytest.raises(Misconfigured, match="PLAUDIT_SMTP_URL must be") as caught:
            from_environment({"PLAUDIT_SMTP_URL": text})

        assert "hunter2" not in caught.value.message
        assert caught.value.__cause__ is None


def test_serving_processes_get_the_same_settings(monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    given = from_environment(
        {
            "PLAUDIT_EGRESS_ALLOW": "10.0.0.0/8,::1",
            "PLAUDIT_SMTP_URL": "smtp://u:p%40@mail.example?from=a@b.example",
        }
    )

    to_environment(given, metrics_folder="metrics")

    found = from_environment()
    assert found.egress_allow == given.egress_allow
    assert found.smtp == given.smtp is not None


def test_by_default_no_network_is_permitted_and_there_is_no_mail():
    assert Settings().egress_allow == from_environment({}).egress_allow == ()
    assert Settings().smtp is from_environment({}).smtp is None
