"""Webhooks and callbacks as receivers get them: formats, signatures, retries, and their end."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
from email.message import EmailMessage

import msgspec
import pytest

from harness import on_sqlite_alone
from plaudit import clock
from plaudit.core import batching, lifecycle, notices, webhooks
from plaudit.core.egress import Egress
from plaudit.core.notices import NoticeQuery
from plaudit.model_notices import EventType, NoticeState
from plaudit.store import audit
from plaudit.wire.task import ErrorDetail
from receivers import OK, Receiver
from sending import (
    add_endpoint,
    answering,
    complete,
    endpoint_of,
    header,
    receiving,
    status,
    store_task,
    until,
    verified,
    working,
)
from smtp_receiver import SmtpReceiver


async def listed(world, org_id, **query):
    async with world.db.read() as tx:
        found, _ = await notices.notice_page(tx, world.secret, org_id, NoticeQuery(**query))
    return found


async def states(world, org_id):
    return [one.notice.state for one in await listed(world, org_id)]


async def settled(world, org_id, state, count=1):
    """Wait until so many notices are in a state; return them, newest first."""
    async with asyncio.timeout(20):
        while len(found := await listed(world, org_id, state=state)) < count:
            await asyncio.sleep(0.02)
    return found


def test_an_endpoint_is_told_of_the_events_it_chose_and_of_no_others(world):
    project = world.project()
    org_id = project.org_id
    some, every = Receiver(OK), Receiver(OK)

    async def main():
        async with receiving(some, every), working(world):
            _, secret = await add_endpoint(world, some.url, "task.completed", org_id=org_id)
            _, other = await add_endpoint(world, every.url, org_id=org_id)
            task = await store_task(world, project)
            await complete(world, task, org_id)
            failed = await store_task(world, project)
            await world.db.write(
                lambda tx: lifecycle.fail_task(tx, org_id, failed, [ErrorDetail(message="No.")])
            )
            await until(lambda: len(every.bodies) == 4 and len(some.bodies) == 1)
            return task, secret, other

    task, secret, other = world.run(main())

    told = verified(some, 0, secret)
    assert told["type"] == "task.completed"
    assert told["data"]["task_id"] == task.task_id
    assert told["data"]["task"]["threads"] == told["data"]["response"]["threads"]
    assert clock.parse_moment(told["timestamp"]) > 0
    assert set(told) == {"type", "timestamp", "data"}
    kinds = sorted(verified(every, number, other)["type"] for number in range(4))
    assert kinds == ["task.completed", "task.created", "task.created", "task.error"]


def test_a_callback_is_the_payload_alone_with_the_callback_key(world):
    project = world.project()
    org_id = project.org_id
    receiver = Receiver(OK)

    async def main():
        async with receiving(receiver), working(world):
            _, secret = await world.db.write(
                lambda tx: webhooks.rotate_callback_secret(tx, world.secret, org_id, keep_old_s=0)
            )
            task = await store_task(world, project, callback_url=receiver.url)
            await complete(world, task, org_id)
            await until(lambda: len(receiver.bodies) == 1)
            return task, secret

    task, secret = world.run(main())

    told = verified(receiver, 0, secret)
    assert told["task_id"] == told["task"]["task_id"] == task.task_id
    assert told["status"] == "completed"
    assert set(told) == {"task_id", "status", "task", "response"}
    key = header(receiver.heads[0], "scale-callback-auth")
    assert key == webhooks.callback_key(secret)
    assert secret not in receiver.heads[0].decode()
    assert header(receiver.heads[0], "content-type") == "application/json"


def test_a_callback_needs_no_secret_to_be_made_first(world):
    project = world.project()
    receiver = Receiver(OK)

    async def main():
        async with receiving(receiver), working(world):
            for _ in range(3):
                task = await store_task(world, project, callback_url=receiver.url)
                await complete(world, task, project.org_id)
            await until(lambda: len(receiver.bodies) == 3)

    world.run(main())

    assert len({header(head, "scale-callback-auth") for head in receiver.heads}) == 1


def test_the_last_task_calls_the_callback_of_its_batch(world):
    project = world.project()
    org_id = project.org_id
    receiver = Receiver(OK)

    async def main():
        async with receiving(receiver), working(world):
            batch = await world.db.write(
                lambda tx: batching.open_batch(
                    tx, project, name="b", is_staging=False, metadata={}, callback=receiver.url
                )
            )
            made = [await store_task(world, project, batch=batch) for _ in range(2)]
            for task in made:
                await complete(world, task, org_id)
            await until(lambda: len(receiver.bodies) == 1)
            await asyncio.sleep(0.1)
            return batch

    batch = world.run(main())

    [body] = receiver.bodies
    told = json.loads(body)
    assert (told["batch_id"], told["status"]) == (batch.batch_id, "completed")
    assert told["batch"]["project"] == project.public_id


def test_a_change_that_is_rolled_back_is_told_to_nobody(world):
    project = world.project()
    org_id = project.org_id
    receiver = Receiver(OK)

    async def refuse(tx):
        task = await lifecycle.create_task(tx, project, callback_url=receiver.url)
        await lifecycle.cancel_task(tx, org_id, task)
        raise ValueError("after all, no")

    async def main():
        async with receiving(receiver), working(world) as worker:
            await add_endpoint(world, receiver.url, org_id=org_id)
            for _ in range(5):
                with pytest.raises(ValueError, match="after all"):
                    await world.db.write(refuse)
                worker.wake()
            kept = await store_task(world, project)
            await until(lambda: len(receiver.bodies) >= 1)
            await asyncio.sleep(0.3)
            return kept

    kept = world.run(main())

    assert [json.loads(body)["data"]["task_id"] for body in receiver.bodies] == [kept.task_id]


def test_another_organization_hears_nothing(world):
    project = world.project()
    theirs, ours = Receiver(OK), Receiver(OK)
    strangers = [world.org("Stranger"), world.org("default", "test")]

    async def main():
        async with receiving(theirs, ours), working(world):
            for org_id in strangers:
                await add_endpoint(world, theirs.url, org_id=org_id)
            await add_endpoint(world, ours.url, org_id=project.org_id)
            await store_task(world, project)
            await until(lambda: len(ours.bodies) == 1)
            await asyncio.sleep(0.2)

    world.run(main())

    assert theirs.connections == 0


def test_an_event_keeps_its_id_over_attempts_and_each_attempt_has_its_time(world):
    project = world.project()
    receiver = answering(status(500), status(503), status(404), OK)

    async def main():
        settings = msgspec.structs.replace(world.settings, webhook_retry_s=(0.6,) * 3)
        async with receiving(receiver), working(world, settings):
            _, secret = await add_endpoint(world, receiver.url, org_id=project.org_id)
            await store_task(world, project)
            [one] = await settled(world, project.org_id, NoticeState.done)
            return secret, one

    secret, one = world.run(main())

    assert len({header(head, "webhook-id") for head in receiver.heads}) == 1
    assert header(receiver.heads[0], "webhook-id") == one.notice.event_id
    sent = [int(header(head, "webhook-timestamp")) for head in receiver.heads]
    assert sent == sorted(sent)
    assert sent[-1] > sent[0]
    assert len(set(receiver.bodies)) == 1
    for number in range(4):
        verified(receiver, number, secret)
    assert [(one.number, one.outcome, one.status) for one in one.attempts] == [
        (1, "status", 500), (2, "status", 503), (3, "status", 404), (4, "ok", 200),
    ]  # fmt: skip


async def reset(receiver, reader, writer):
    await receiver.read_request(reader)
    writer.transport.abort()


@pytest.mark.parametrize(
    ("answer", "outcome", "number"),
    [
        (status(301, "Location: http://127.0.0.1:1/"), "status", 301),
        (status(304), "status", 304),
        (status(400), "status", 400),
        (status(500), "status", 500),
        (reset, "reset", None),
        (b"nonsense\r\n\r\n", "protocol_error", None),
    ],
)
def test_what_is_not_a_2xx_is_tried_as_often_as_set(world, answer, outcome, number):
    project = world.project()
    receiver = answering(answer)

    async def main():
        settings = msgspec.structs.replace(world.settings, webhook_retry_s=(0.0,) * 3)
        async with receiving(receiver), working(world, settings):
            await add_endpoint(world, receiver.url, org_id=project.org_id)
            await store_task(world, project)
            [one] = await settled(world, project.org_id, NoticeState.dead)
            return one

    one = world.run(main())

    assert receiver.connections == 4
    assert [(a.outcome, a.status) for a in one.attempts] == [(outcome, number)] * 4
    assert one.notice.outcome == outcome
    assert one.notice.attempt_count == 4


@pytest.mark.parametrize("number", [200, 201, 202, 204, 299])
def test_every_2xx_is_success(world, number):
    project = world.project()
    receiver = answering(status(number))

    async def main():
        async with receiving(receiver), working(world):
            await add_endpoint(world, receiver.url, org_id=project.org_id)
            await store_task(world, project)
            await settled(world, project.org_id, NoticeState.done)

    world.run(main())

    assert receiver.connections == 1


def test_410_disables_the_endpoint_and_gives_up_what_waits_for_it(world):
    project = world.project()
    org_id = project.org_id
    receiver = answering(*[status(500)] * 4, status(410))

    async def main():
        settings = msgspec.structs.replace(world.settings, webhook_retry_s=(600.0,) * 5)
        async with receiving(receiver):
            endpoint, _ = await add_endpoint(world, receiver.url, org_id=org_id)
            async with working(world, settings):
                for _ in range(4):
                    await store_task(world, project)
                await until(lambda: receiver.connections == 4)
                await store_task(world, project)
                found = await settled(world, org_id, NoticeState.dead, 5)
                calls = receiver.connections
                await store_task(world, project)
                await asyncio.sleep(0.2)
            async with world.db.read() as tx:
                entries = await audit.list_entries(
                    tx, org_id, before=None, object_id=endpoint.endpoint_id, limit=9
                )
            return await endpoint_of(world, endpoint), found, calls, entries

    endpoint, found, calls, entries = world.run(main())

    assert not endpoint.is_active
    assert "410" in endpoint.reason
    assert {one.notice.outcome for one in found} == {"status", "endpoint_disabled"}
    assert receiver.connections == calls == 5
    assert [(one.action, one.actor.kind) for one in entries] == [("disable_webhook", "server")]


def test_410_ends_a_callback_at_once(world):
    project = world.project()
    receiver = answering(status(410))

    async def main():
        async with receiving(receiver), working(world):
            task = await store_task(world, project, callback_url=receiver.url)
            await complete(world, task, project.org_id)
            await settled(world, project.org_id, NoticeState.dead)
            await asyncio.sleep(0.3)

    world.run(main())

    assert receiver.connections == 1


@pytest.mark.parametrize("number", [429, 503])
def test_retry_after_is_obeyed(world, number):
    project = world.project()
    receiver = answering(status(number, "Retry-After: 2"), OK)
    times = []

    async def main():
        async with receiving(receiver), working(world):
            await add_endpoint(world, receiver.url, org_id=project.org_id)
            await store_task(world, project)
            now = asyncio.get_running_loop().time
            for count in (1, 2):
                await until(lambda count=count: receiver.connections == count)
                times.append(now())

    world.run(main())

    assert 1.8 <= times[1] - times[0] < 5


def test_retry_after_counts_for_nothing_on_other_answers(world):
    project = world.project()
    receiver = answering(status(500, "Retry-After: 3600"), OK)

    async def main():
        async with receiving(receiver), working(world):
            await add_endpoint(world, receiver.url, org_id=project.org_id)
            await store_task(world, project)
            await settled(world, project.org_id, NoticeState.done)

    world.run(main())

    assert receiver.connections == 2


def test_a_dead_notice_is_replayed_with_all_its_tries_and_the_same_id(world):
    project = world.project()
    org_id = project.org_id
    receiver = answering(status(500), status(500), status(500), OK)

    async def main():
        settings = msgspec.structs.replace(world.settings, webhook_retry_s=(0.01,))
        async with receiving(receiver), working(world, settings) as worker:
            await add_endpoint(world, receiver.url, org_id=org_id)
            await store_task(world, project)
            [dead] = await settled(world, org_id, NoticeState.dead)
            name = dead.notice.notice_id
            await world.db.write(lambda tx: notices.replay(tx, org_id, name))
            worker.wake()
            [done] = await settled(world, org_id, NoticeState.done)
            return done

    done = world.run(main())

    assert [one.outcome for one in done.attempts] == ["status", "status", "status", "ok"]
    assert [one.number for one in done.attempts] == [1, 2, 3, 4]
    assert len({header(head, "webhook-id") for head in receiver.heads}) == 1


def test_both_secrets_sign_while_one_is_being_replaced(world):
    project = world.project()
    org_id = project.org_id
    receiver, called = Receiver(OK), Receiver(OK)

    async def told(keep_old_s):
        """Rotate both secrets, and have one event told to both receivers."""
        endpoint = await endpoint_of(world, told.endpoint)
        _, secret = await world.db.write(
            lambda tx: webhooks.rotate_endpoint(tx, world.secret, endpoint, keep_old_s=keep_old_s)
        )
        _, callback = await world.db.write(
            lambda tx: webhooks.rotate_callback_secret(
                tx, world.secret, org_id, keep_old_s=keep_old_s
            )
        )
        count = len(receiver.bodies)
        task = await store_task(world, project, callback_url=called.url)
        await complete(world, task, org_id)
        await until(lambda: len(receiver.bodies) > count and len(called.bodies) > count)
        return secret, callback

    async def main():
        async with receiving(receiver, called), working(world):
            told.endpoint, first = await add_endpoint(
                world, receiver.url, "task.completed", org_id=org_id
            )
            _, first_callback = await world.db.write(
                lambda tx: webhooks.rotate_callback_secret(tx, world.secret, org_id, keep_old_s=0)
            )
            return [(first, first_callback), await told(3600), await told(0)]

    (first, first_call), (second, second_call), (third, third_call) = world.run(main())

    for secret in (first, second):
        verified(receiver, 0, secret)
    for secret in (first_call, second_call):
        verified(called, 0, secret)
    assert header(called.heads[0], "scale-callback-auth") == webhooks.callback_key(first_call)
    verified(receiver, 1, third)
    with pytest.raises(Exception, match="No matching signature"):
        verified(receiver, 1, second)
    with pytest.raises(Exception, match="No matching signature"):
        verified(called, 1, second_call)
    assert header(called.heads[1], "scale-callback-auth") == webhooks.callback_key(third_call)


def test_what_waits_goes_to_the_new_url_of_its_endpoint(world):
    project = world.project()
    org_id = project.org_id
    old, new = answering(status(500)), Receiver(OK)

    async def main():
        async with receiving(old, new), working(world):
            endpoint, _ = await add_endpoint(world, old.url, org_id=org_id)
            await store_task(world, project)
            await until(lambda: old.connections >= 1)
            await world.db.write(lambda tx: webhooks.change_endpoint(tx, endpoint, url=new.url))
            await settled(world, org_id, NoticeState.done)

    world.run(main())

    assert len(new.bodies) == 1


@pytest.mark.parametrize("ending", ["disabled", "deleted"])
def test_what_waits_for_an_endpoint_that_ended_is_given_up(world, ending):
    project = world.project()
    org_id = project.org_id
    receiver = Receiver(OK)

    async def main():
        async with receiving(receiver):
            endpoint, _ = await add_endpoint(world, receiver.url, org_id=org_id)
            for _ in range(20):
                await store_task(world, project)
            if ending == "disabled":
                await world.db.write(
                    lambda tx: webhooks.change_endpoint(tx, endpoint, is_active=False)
                )
            else:
                await world.db.write(
                    lambda tx: webhooks.delete_endpoint(tx, org_id, endpoint.endpoint_id)
                )
            async with working(world):
                return await settled(world, org_id, NoticeState.dead, 20)

    found = world.run(main())

    assert {one.notice.outcome for one in found} == {f"endpoint_{ending}"}
    assert receiver.connections == 0


def test_an_address_that_may_not_be_called_any_more_is_not_called(world):
    """What was saved while it was permitted is checked again at each attempt."""
    project = world.project()
    org_id = project.org_id
    canary = Receiver(OK)
    answers = {"flip.example.com": ["127.0.0.1"]}

    async def resolve(host):
        return answers[host]

    async def main():
        egress = Egress((), resolve=resolve)
        settings = msgspec.structs.replace(world.settings, webhook_retry_s=(0.0, 0.0))
        async with receiving(canary), working(world, settings, egress=egress):
            for url in (canary.url, f"http://flip.example.com:{canary.port}/", "http://[::1]/"):
                await add_endpoint(world, url, org_id=org_id)
            task = await store_task(world, project, callback_url=canary.url)
            await complete(world, task, org_id)
            return await settled(world, org_id, NoticeState.dead, 7)

    found = world.run(main())

    assert {one.notice.outcome for one in found} == {"refused_address"}
    assert canary.connections == 0


def test_nothing_of_a_receiver_s_answer_is_kept(world, settings):
    canary = "canary-6ab1"
    project = world.project()
    org_id = project.org_id
    text = f"{canary}".encode()
    receiver = answering(
        b"HTTP/1.1 500 %b\r\nX-Canary: %b\r\nContent-Length: %d\r\n\r\n%b"
        % (text, text, len(text), text)
    )

    async def main():
        chosen = msgspec.structs.replace(world.settings, webhook_retry_s=(0.0,))
        async with receiving(receiver), working(world, chosen):
            await add_endpoint(world, receiver.url, org_id=org_id)
            await store_task(world, project)
            await settled(world, org_id, NoticeState.dead)

    world.run(main())
    with world.client() as client:
        answer = client.get("/manage/v1/notices")

    assert answer.status_code == 200
    assert canary not in answer.text
    if settings.database is None:
        stored = b"".join(path.read_bytes() for path in settings.data.glob("plaudit.sqlite*"))
        assert canary.encode() not in stored


def test_a_callback_that_is_an_e_mail_address_gets_a_mail(world):
    project = world.project()
    receiver = SmtpReceiver(replies={})

    async def main():
        async with receiver.listening():
            url = f"smtp://127.0.0.1:{receiver.port}?from=plaudit@mail.example"
            settings = msgspec.structs.replace(world.settings, smtp_url=url)
            async with working(world, settings):
                task = await store_task(world, project, callback_url="ann@example.com")
                await complete(world, task, project.org_id)
                [one] = await settled(world, project.org_id, NoticeState.done)
                return task, one

    task, one = world.run(main())

    [raw] = receiver.messages
    message = email.message_from_bytes(raw.removesuffix(b".\r\n"), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert message["To"] == "ann@example.com"
    assert message["Subject"] == f"Task {task.task_id} is completed"
    assert message["Message-ID"] == f"<{one.notice.event_id}@mail.example>"
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
                await complete(world, task, project.org_id)
                [one] = await settled(world, project.org_id, NoticeState.dead)
                return one

    one = world.run(main())

    assert [(a.outcome, a.status) for a in one.attempts] == [("status", 451)] * 3


def test_without_a_mail_server_a_mail_is_given_up_with_a_word_that_says_so(world):
    project = world.project()

    async def main():
        async with working(world):
            task = await store_task(world, project, callback_url="ann@example.com")
            await complete(world, task, project.org_id)
            [one] = await settled(world, project.org_id, NoticeState.dead)
            return one

    one = world.run(main())

    assert one.notice.outcome == "mail_off"
    assert one.notice.attempt_count == 1


async def never(receiver, reader, writer):
    await receiver.read_request(reader)
    await asyncio.sleep(3600)


@pytest.mark.slow
def test_a_line_of_a_hundred_thousand_behind_a_dead_receiver_delays_nobody(world):
    """The dead one takes connections and never answers."""
    project = world.project()
    org_id = project.org_id
    dead, healthy = answering(never), Receiver(OK)
    delays = []

    async def fill(endpoint):
        async def work(tx):
            await webhooks.ping(tx, endpoint)
            [event] = await tx.all("SELECT event_id FROM event LIMIT 1", {})
            rows = [
                (0, f"n{number:06d}", org_id, event[0], endpoint.endpoint_id, "x",
                 endpoint.endpoint_id, 0, 1, 1, 1, 0, 0, 0)
                for number in range(100_000)
            ]  # fmt: skip
            columns = (
                "project_id", "notice_id", "org_id", "event_id", "endpoint_id", "target", "queue",
                "state", "created_ms", "next_ms", "since_ms", "retry_no", "attempt_count",
                "lease_no",
            )  # fmt: skip
            await tx.add("notice", columns, rows)

        await world.db.write(work)

    async def main():
        async with receiving(dead, healthy):
            first, _ = await add_endpoint(world, dead.url, "batch.completed", org_id=org_id)
            await add_endpoint(world, healthy.url, "task.created", org_id=org_id)
            await fill(first)
            now = asyncio.get_running_loop().time
            async with working(world) as worker:
                await until(lambda: dead.connections >= 4)
                for number in range(30):
                    began = now()
                    await store_task(world, project)
                    worker.wake()
                    await until(lambda number=number: len(healthy.bodies) == number + 1)
                    delays.append(now() - began)

    world.run(main())

    print(f"beside a dead line of 100,000: slowest of 30 {max(delays):.3f} s")
    assert max(delays) < 2
    assert dead.connections <= 30


@on_sqlite_alone
def test_a_full_line_is_found_by_a_range_of_the_index_and_not_by_reading_it(world):
    """The statement that looks for lines reads the next one's beginning, whatever stands before."""
    org_id = world.org()

    async def plan():
        async with world.db.read() as tx:
            rows = await tx.all(
                "EXPLAIN QUERY PLAN SELECT queue, next_ms FROM notice WHERE state = 0"
                " AND queue > :after ORDER BY queue, next_ms LIMIT :row_limit",
                {"after": org_id, "row_limit": 5},
            )
        return " ".join(str(row[-1]) for row in rows)

    assert world.run(plan()) == "SEARCH notice USING COVERING INDEX notice_due (queue>?)"


def test_what_is_old_is_forgotten_with_its_attempts_and_event(world):
    project = world.project()
    org_id = project.org_id
    receiver = Receiver(OK)

    async def count(table):
        async with world.db.read() as tx:
            row = await tx.one(f"SELECT COUNT(*) FROM {table}", {})
            return row[0]

    async def main():
        async with receiving(receiver), working(world) as worker:
            await add_endpoint(world, receiver.url, org_id=org_id)
            await add_endpoint(world, "http://127.0.0.1:1/", org_id=org_id)
            for _ in range(3):
                await store_task(world, project)
            await settled(world, org_id, NoticeState.done, 3)
            await worker.forget_old()
            before = [await count(table) for table in ("event", "notice")]
        old = clock.now_ms() - notices.KEPT_MS - 1000
        await world.db.write(
            lambda tx: tx.run("UPDATE notice SET next_ms = :old WHERE state = 1", {"old": old})
        )
        async with working(world) as worker:
            await worker.forget_old()
        return before, [await count(table) for table in ("event", "notice")]

    before, after = world.run(main())

    assert before == [3, 6]
    assert after == [3, 3]  # the other endpoint still waits to hear of them


def test_a_ping_goes_to_the_one_endpoint(world):
    org_id = world.org()
    receiver, other = Receiver(OK), Receiver(OK)

    async def main():
        async with receiving(receiver, other), working(world):
            endpoint, secret = await add_endpoint(world, receiver.url, org_id=org_id)
            await add_endpoint(world, other.url, org_id=org_id)
            await world.db.write(lambda tx: webhooks.ping(tx, endpoint))
            await until(lambda: len(receiver.bodies) == 1)
            await asyncio.sleep(0.1)
            return endpoint, secret

    endpoint, secret = world.run(main())

    told = verified(receiver, 0, secret)
    assert (told["type"], told["data"]) == (EventType.ping, {"webhook_id": endpoint.endpoint_id})
    assert other.connections == 0
