"""Mail through a mail server: what is sent, to whom alone, and how each ending is called."""

from __future__ import annotations

import asyncio
import email
import email.policy
from email.message import EmailMessage
from typing import Any

import pytest

from plaudit import mailbox
from plaudit.core.outbound import smtp
from plaudit.core.outbound.callback_urls import check_callback, is_mail
from plaudit.core.outbound.http_client import HttpClient
from plaudit.errors import InvalidContent
from plaudit.model.webhooks import AttemptResult, AttemptStatus
from plaudit.settings import Settings, from_environment
from tests.support.network.receivers import Authority, book
from tests.support.network.smtp_receiver import CANARY, SmtpReceiver
from tests.support.running.every_case import every_case

HOSTILE = [
    "a@b\r\nBcc: c@d.example", "a@b.example\r\nBcc: c@d.example", "a@b.example\n", "a@b.example\r",
    "a@b.example\x00", "\na@b.example", "a@b.example,c@d.example", "a@b.example;c@d.example",
    "a@b.example c@d.example", "a@b.example> SIZE=1", "<a@b.example>", "A <a@b.example>",
    '"a"@b.example', '"a\r\n"@b.example', "a@b.example@c.example", "@b.example", "a@", "a", "",
    "a@b", "a@localhost", "a@[127.0.0.1]", "a@127.0.0.1", "a@b..example", "a@.example",
    "a@-b.example", "a@b_c.example", ".a@b.example", "a.@b.example", "a..b@c.example",
    "a@b.example.", "a(c)@b.example", "a\\@b.example", "a\u2028@b.example", "\u00e4@b.example",
    "a@b\u00fccher.example", "a@b.example?cc=c@d.example", "a" * 65 + "@b.example",
    "a@" + "b." * 130 + "example", "a@b.exa\tmple", "mailto:a@b.example", "a@b.example%0aBcc:c@d",
    "a\u00a0b@c.example", "(a)@b.example", "a:b@c.example",
    "a@" + "b" * 64 + ".de",
]  # fmt: skip


def send(
    receiver: SmtpReceiver,
    scheme: str = "smtp",
    *,
    login: str = "",
    authority: Authority | None = None,
    **change: str,
) -> AttemptResult:
    """Send one mail through a receiver named localhost."""
    words = {
        "to": "ann@example.com",
        "subject": "Task task_1 is completed",
        "text": "It is done.\n",
        "message_id": "msg_1",
    }

    async def main() -> AttemptResult:
        async with receiver.listening():
            url = f"{scheme}://{login}localhost:{receiver.port}?from=plaudit@mail.example"
            server = from_environment({"PLAUDIT_SMTP_URL": url}).smtp
            assert server is not None
            tls = authority.client() if authority else None
            return await smtp.send(server, tls=tls, **(words | change))

    return asyncio.run(main())


def received(receiver: SmtpReceiver) -> EmailMessage:
    [raw] = receiver.messages
    parsed = email.message_from_bytes(raw.removesuffix(b".\r\n"), policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def test_a_mail_arrives_with_its_headers_and_text():
    receiver = SmtpReceiver()

    result = send(receiver, text="Fertig: \u00e4\u00f6\u00fc\n.\nMehr.\n")

    message = received(receiver)
    assert (result.outcome, result.status) == (AttemptStatus.ok, None)
    assert message["From"] == "plaudit@mail.example"
    assert message["To"] == "ann@example.com"
    assert message["Subject"] == "Task task_1 is completed"
    assert message["Message-ID"] == "<msg_1@mail.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "text/plain"
    assert "\u00e4\u00f6\u00fc" in message.get_content()
    assert "Mehr." in message.get_content()


def test_the_server_is_told_our_name_and_the_one_recipient():
    receiver = SmtpReceiver()

    send(receiver)

    verbs = [line.partition(" ")[0] for line in receiver.commands]
    assert verbs == ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]
    assert receiver.commands[0] == "EHLO mail.example"
    assert receiver.commands[1].startswith("MAIL FROM:<plaudit@mail.example>")
    assert receiver.commands[2] == "RCPT TO:<ann@example.com>"


@pytest.mark.parametrize(
    "text", ["a\r\n.\r\nMAIL FROM:<x@y.z>\r\n", "a\n.\nQUIT\n", "a\r.\rb", "a\n.\r\nb", "\n.\n"]
)
def test_no_text_ends_the_mail_early(text):
    receiver = SmtpReceiver()

    result = send(receiver, text=text)

    assert result.outcome == AttemptStatus.ok
    assert len(receiver.messages) == 1
    assert [line.partition(" ")[0] for line in receiver.commands].count("MAIL") == 1


@pytest.mark.parametrize(
    "subject", ["a\r\nBcc: x@y.example", "a\nb", "a\rb", "a\x00b", "a\u2028b", "x" * 5000]
)
def test_no_subject_becomes_another_header(subject):
    receiver = SmtpReceiver()

    result = send(receiver, subject=subject)

    message = received(receiver)
    assert result.outcome == AttemptStatus.ok
    assert message["Bcc"] is None
    assert len(message["Subject"]) <= smtp.SUBJECT_CHARS_MAX
    assert len([line for line in receiver.commands if line.startswith("RCPT")]) == 1


@every_case("to", HOSTILE)
def test_nothing_that_is_not_one_plain_address_is_written_to(to):
    receiver = SmtpReceiver()

    with pytest.raises(ValueError, match=r"looks like name@example\.com"):
        send(receiver, to=to)

    assert receiver.commands == []


@every_case(
    "address",
    ["a@b.example", "ann.lee+tag@mail.example.co.uk", "a_b-c@x1.example", "o'neil@example.com",
     "a" * 64 + "@example.com", "A@EXAMPLE.COM", "a@xn--bcher-kva.example", "1@2.example"],
)  # fmt: skip
def test_ordinary_addresses_are_taken(address):
    mailbox.check(address)


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_mail_is_encrypted_before_anything_is_said(scheme, tmp_path):
    authority = Authority(tmp_path)
    receiver = SmtpReceiver(
        tls=authority.server("localhost"), implicit=scheme == "smtps", login=("me", "p@ss/word")
    )

    result = send(receiver, scheme, login="me:p%40ss%2Fword@", authority=authority)

    assert result.outcome == AttemptStatus.ok
    assert len(receiver.messages) == 1


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
@pytest.mark.parametrize("fault", ["another name", "unknown authority"])
def test_a_certificate_that_does_not_fit_is_tls_failed_and_nothing_is_sent(scheme, fault, tmp_path):
    authority = Authority(tmp_path)
    name = "other.example" if fault == "another name" else "localhost"
    receiver = SmtpReceiver(tls=authority.server(name), implicit=scheme == "smtps")

    trusted = authority if fault == "another name" else None
    result = send(receiver, scheme, login="me:secret@", authority=trusted)

    assert result.outcome == AttemptStatus.tls_failed
    assert not any(line.startswith(("AUTH", "MAIL")) for line in receiver.commands)


def test_without_starttls_on_the_other_side_no_password_is_sent():
    receiver = SmtpReceiver()

    result = send(receiver, "smtp+starttls", login="me:secret@")

    assert result.outcome == AttemptStatus.protocol_error
    assert not any(line.startswith("AUTH") for line in receiver.commands)


def test_a_wrong_password_is_a_refusal_with_its_code():
    result = send(SmtpReceiver(login=("me", "right")), login="me:wrong@")

    assert (result.outcome, result.status) == (AttemptStatus.status, 535)


@pytest.mark.parametrize(
    ("replies", "code"),
    [
        ({"greeting": f"554 {CANARY}"}, 554),
        ({"MAIL": f"451 {CANARY}"}, 451),
        ({"RCPT": f"550 {CANARY}"}, 550),
        ({"DATA": f"554 {CANARY}"}, 554),
        ({"message": f"552 {CANARY}"}, 552),
    ],
)
def test_a_refusal_keeps_its_code_and_nothing_of_its_text(replies: dict[str, Any], code):
    result = send(SmtpReceiver(replies))

    assert (result.outcome, result.status) == (AttemptStatus.status, code)
    assert CANARY not in repr(result)


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA", "message"])
def test_a_server_that_hangs_up_is_a_reset(command):
    assert send(SmtpReceiver({command: None})).outcome == AttemptStatus.reset


@pytest.mark.parametrize("command", ["EHLO", "MAIL", "message"])
def test_a_silent_server_is_a_timeout(command, monkeypatch):
    monkeypatch.setattr(smtp, "DEADLINE_SECONDS", 0.4)

    result = send(SmtpReceiver({command: ""}))

    assert result.outcome == AttemptStatus.timeout
    assert result.duration_ms < 15_000


def test_a_server_that_does_not_greet_is_connect_timeout(monkeypatch):
    monkeypatch.setattr(smtp, "DEADLINE_SECONDS", 0.4)

    assert send(SmtpReceiver({"greeting": ""})).outcome in (
        AttemptStatus.connect_timeout,
        AttemptStatus.timeout,
    )


@pytest.mark.parametrize("command", ["greeting", "MAIL"])
def test_a_server_that_speaks_no_smtp_is_a_protocol_error(command):
    assert send(SmtpReceiver({command: "HTTP/1.1 200 OK"})).outcome == AttemptStatus.protocol_error


def test_a_mail_that_was_taken_over_is_sent_whatever_follows():
    """Otherwise a server that is slow to say goodbye would get everything twice."""
    for replies in ({"QUIT": None}, {"QUIT": ""}, {"QUIT": "500 no"}):
        assert send(SmtpReceiver(replies)).outcome == AttemptStatus.ok


def test_a_server_that_is_not_there_is_connect_failed_or_dns_failed():
    async def main(url: str) -> AttemptResult:
        server = from_environment({"PLAUDIT_SMTP_URL": url}).smtp
        assert server is not None
        return await smtp.send(server, to="a@b.example", subject="s", text="t", message_id="msg_1")

    unused = SmtpReceiver()
    send(unused)
    closed = asyncio.run(main(f"smtp://127.0.0.1:{unused.port}?from=a@b.example"))

    assert closed.outcome == AttemptStatus.connect_failed


WITH_MAIL = Settings(smtp_url="smtp://127.0.0.1?from=a@b.example")


def check(text: str, settings: Settings) -> None:
    http_client = HttpClient(resolve=book(hook_example=["93.184.216.34"]))
    asyncio.run(
        check_callback(text, http_client=http_client, settings=settings, pointer="/callback_url")
    )


@pytest.mark.parametrize("settings", [Settings(), WITH_MAIL], ids=["no mail", "mail"])
def test_a_callback_may_be_a_public_url(settings):
    check("https://hook.example/done?at=a@b.example", settings)


@pytest.mark.parametrize("settings", [Settings(), WITH_MAIL], ids=["no mail", "mail"])
@pytest.mark.parametrize(
    "text", ["http://10.0.0.1/", "hook.example", "", "https://u:p@hook.example/"]
)
def test_a_callback_may_be_no_other_url(text, settings):
    with pytest.raises(InvalidContent) as caught:
        check(text, settings)

    assert caught.value.pointer == "/callback_url"


def test_a_callback_may_be_an_address_where_mail_is_set_up():
    check("ann@example.com", WITH_MAIL)
    with pytest.raises(InvalidContent, match=r"sends no mail.*PLAUDIT_SMTP_URL"):
        check("ann@example.com", Settings())


@every_case("text", HOSTILE)
def test_a_callback_is_never_a_hostile_address(text):
    with pytest.raises(InvalidContent) as caught:
        check(text, WITH_MAIL)

    assert caught.value.pointer == "/callback_url"


@pytest.mark.parametrize(
    ("text", "is_it"),
    [("a@b.example", True), ("https://a@b.example/", False), ("https://a.example/@b", False)],
)
def test_what_holds_an_at_sign_before_any_slash_is_mail(text, is_it):
    assert is_mail(text) == is_it
