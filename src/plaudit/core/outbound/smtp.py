"""SMTP client: one plain-text e-mail through the mail server of the settings."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from email.message import EmailMessage
from email.utils import formatdate

import aiosmtplib

from plaudit import clock, mailbox
from plaudit.model.webhooks import AttemptResult, AttemptStatus
from plaudit.settings import SmtpServer

DEADLINE_SECONDS = 15.0
GOODBYE_SECONDS = 1.0
SUBJECT_CHARS_MAX = 200

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


async def send(
    server: SmtpServer,
    *,
    to: str,
    subject: str,
    text: str,
    message_id: str,
    tls: ssl.SSLContext | None = None,
) -> AttemptResult:
    """Hand one mail to the mail server within `DEADLINE_SECONDS`; failures are results.

    `ok` means that the server accepted it. `message_id` is the local part of the Message-ID, equal
    in every attempt. Raises ValueError unless `to` passes `mailbox.check`.
    """
    mailbox.check(to)
    message = _message(server, to=to, subject=subject, text=text, message_id=message_id)
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=server.user,
        password=server.password,
        # Set, because the library would look up this machine's name and wait for it.
        local_hostname=_domain(server),
        timeout=DEADLINE_SECONDS,
        use_tls=server.scheme == "smtps",
        start_tls=server.scheme == "smtp+starttls",
        tls_context=tls,
    )
    started = asyncio.get_running_loop().time()
    outcome, code = AttemptStatus.ok, None
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await client.connect()
            await client.send_message(message)
    except (aiosmtplib.SMTPException, OSError) as exc:
        outcome, code = _failure(exc)
    duration_ms = round((asyncio.get_running_loop().time() - started) * 1000)
    await _hang_up(client)
    return AttemptResult(outcome=outcome, status=code, duration_ms=duration_ms)


async def _hang_up(client: aiosmtplib.SMTP) -> None:
    """End the session; a failure here changes nothing about a mail that was accepted."""
    try:
        async with asyncio.timeout(GOODBYE_SECONDS):
            await client.quit()
    except (aiosmtplib.SMTPException, OSError):
        pass
    finally:
        client.close()


def _message(
    server: SmtpServer, *, to: str, subject: str, text: str, message_id: str
) -> EmailMessage:
    message = EmailMessage()
    message["From"] = server.sender
    message["To"] = to
    message["Subject"] = _CONTROL.sub(" ", subject)[:SUBJECT_CHARS_MAX]
    message["Date"] = formatdate(clock.now_ms() / 1000)
    message["Message-ID"] = f"<{message_id}@{_domain(server)}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def _domain(server: SmtpServer) -> str:
    return server.sender.rpartition("@")[2]


def _failure(exc: Exception) -> tuple[AttemptStatus, int | None]:
    """Status of a failure, and the mail server's reply code if it has one."""
    match exc, exc.__cause__:
        case aiosmtplib.SMTPResponseException(code=code), _ if code > 0:
            return AttemptStatus.status, code
        case aiosmtplib.SMTPRecipientsRefused(recipients=[first, *_]), _:
            return AttemptStatus.status, first.code
        case aiosmtplib.SMTPConnectTimeoutError(), _:
            return AttemptStatus.connect_timeout, None
        case TimeoutError(), _:
            return AttemptStatus.timeout, None
        case (ssl.SSLError(), _) | (_, ssl.SSLError()):
            return AttemptStatus.tls_failed, None
        case aiosmtplib.SMTPConnectError(), socket.gaierror():
            return AttemptStatus.dns_failed, None
        case aiosmtplib.SMTPConnectError(), _:
            return AttemptStatus.connect_failed, None
        case OSError(), _:
            return AttemptStatus.reset, None
    return AttemptStatus.protocol_error, None
