"""Callbacks that are e-mail addresses."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

import msgspec

from plaudit.model.webhooks import MessageState
from tests.support.network.smtp_receiver import SmtpReceiver
from tests.support.webhook_sending import complete, store_task, working
from tests.webhooks.test_webhooks import wait_for_state


def test_a_callback_that_is_an_e_mail_address_gets_a_mail(world):
    project = world.project()
    receiver = SmtpReceiver(replies={})

    async def main():
        async with receiver.listening():
            url = f"smtp://127.0.0.1:{receiver.port}?from=plaudit@mail.example"
            settings = msgspec.structs.replace(world.settings, smtp_url=url)
            async with working(world, settings):
                task = await store_task(world, project, callback_url="ann@example.com")
                await complete(world, task, project.environment_id)
                [one] = await wait_for_state(world, project.environment_id, MessageState.delivered)
                return task, one

    task, one = world.run(main())

    [raw] = receiver.messages
    message = email.message_from_bytes(raw.removesuffix(b".\r\n"), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert message["To"] == "ann@example.com"
    assert message["Subject"] == f"Task {task.task_id} is completed"
    assert message["Message-ID"] == f"<{one.message.event_id}@mail.example>"
    assert "task.completed" in message.get_content()
    assert "An answer." not in message.get_content()


def test_a_mail_that_cannot_be_sent_is_tried_again(world):
    project = world.project()
    receiver = SmtpReceiver(replies={"DATA": "451 later"})

    async def main():
        async with receiver.listening():
            url = f"smtp://127.0.0.1:{receiver.port}?from=plaudit@mail.example"
            settings = msgspec.structs.replace(
                world.settings, smtp_url=url, webhook_retry_s=(0.0, 0.0)
            )
            async with working(world, settings):
                task = await store_task(world, project, callback_url="ann@example.com")
                await complete(world, task, project.environment_id)
                [one] = await wait_for_state(world, project.environment_id, MessageState.failed)
                return one

    one = world.run(main())

    assert [(a.outcome, a.status) for a in one.attempts] == [("status", 451)] * 3


def test_without_a_mail_server_a_mail_is_given_up_with_a_word_that_says_so(world):
    project = world.project()

    async def main():
        async with working(world):
            task = await store_task(world, project, callback_url="ann@example.com")
            await complete(world, task, project.environment_id)
            [one] = await wait_for_state(world, project.environment_id, MessageState.failed)
            return one

    one = world.run(main())

    assert one.message.outcome == "mail_off"
    assert one.message.attempt_count == 1
