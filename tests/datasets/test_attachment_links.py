"""Signed links to attachments: for one file, for five minutes."""

from __future__ import annotations

import base64
import re
from typing import Any

import msgspec

from plaudit import clock
from plaudit.core.common import server_secret
from plaudit.core.datasets import attachments
from plaudit.core.datasets.attachments import LINK_SECONDS
from tests.support.attachments import TEXT, link_of, upload
from tests.support.dataset_requests import content, deliver, make_dataset
from tests.support.harness import World, one_engine
from tests.support.operations import assert_is_error, comparable


def test_a_link_leads_to_the_bytes_with_a_key_with_another_s_and_with_none(
    world, client, nobody, link
):
    with world.client(world.key("stranger")) as stranger:
        answers = [one.get(link) for one in (client, nobody, stranger)]

    assert [answer.content for answer in answers] == [TEXT] * 3


def test_a_link_is_for_five_minutes(client, nobody, link, monkeypatch):
    expires = int(re.search(r"expires=(\d+)", link)[1])
    moment = clock.now_ms()
    assert 0 < expires * 1000 - moment <= LINK_SECONDS * 1000

    monkeypatch.setattr(clock, "now_ms", lambda: expires * 1000 - 1)
    before = nobody.get(link)
    monkeypatch.setattr(clock, "now_ms", lambda: expires * 1000)
    after = nobody.get(link)

    assert (before.status_code, after.status_code) == (200, 404)


def defects(link: str) -> list[str]:
    """Links that differ from a good one by one thing."""
    path, _, query = link.partition("?")
    expires, signature = re.fullmatch(r"expires=(\d+)&signature=(\w+)", query).groups()
    later = str(int(expires) + 1)
    codes = [signature.upper(), signature[:-1], signature + "0", "", "0" * 64, "é" * 64]
    moments = [later, "0", "-1", "", "x", "0" + expires, "+" + expires, "٣" * 10, "9" * 400]
    found = [f"{path}?expires={expires}&signature={one}" for one in codes]
    found += [f"{path}?expires={one}&signature={signature}" for one in moments]
    found += [path, f"{path}x?{query}", f"{path[:-1]}?{query}", f"{path}%2F?{query}"]
    return [*found, f"/attachments/attachment_nobody?{query}", f"/attachments/..%2Fx?{query}"]


def test_whatever_is_wrong_with_a_link_the_answer_is_the_same(nobody, link):
    pinned = {"X-Request-Id": "pinned"}

    answers = [nobody.get(one, headers=pinned) for one in defects(link)]

    assert {answer.status_code for answer in answers} == {404}
    assert len({str(comparable(answer)) for answer in answers}) == 1
    assert_is_error(404, answers[0].headers, answers[0].json())


@one_engine
def test_every_flipped_bit_of_a_signature_is_refused(nobody, link):
    start, _, signature = link.rpartition("=")
    good = bytes.fromhex(signature)
    for bit in range(len(good) * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        assert nobody.get(f"{start}={bad.hex()}").status_code == 404
    assert nobody.get(link).status_code == 200


def test_a_signature_is_for_one_attachment_of_one_organization_until_one_moment(
    world, client, nobody
):
    ours, other = upload(client), upload(client)
    with world.client(world.key("stranger")) as stranger:
        theirs = link_of(stranger, upload(stranger))
    links = {one["id"]: link_of(client, one) for one in (ours, other)}

    crossed = [
        links[ours["id"]].replace(ours["id"], other["id"]),
        theirs.replace(re.search(r"attachment_\w+", theirs)[0], ours["id"]),
    ]

    assert [nobody.get(one).status_code for one in crossed] == [404, 404]
    row = world.run(found_by_id(world, ours["id"]))
    # Even whoever could have the server sign for another world gets nothing of this one.
    forged = attachments.make_link(
        world.secret, msgspec.structs.replace(row, environment_id="org_other")
    )
    assert nobody.get(forged).status_code == 404
    assert nobody.get(attachments.make_link(world.secret, row)).status_code == 200


async def found_by_id(world: World, attachment_id: str) -> Any:
    async with world.db.read() as tx:
        [row] = await attachments.attachments.list_attachments_in_any_environment(tx, attachment_id)
        return row


def test_links_of_an_older_secret_are_honoured_and_those_of_another_are_not(world, client):
    made = link_of(client, upload(client))
    row = world.run(found_by_id(world, re.search(r"attachment_\w+", made)[0]))
    path = world.settings.secret_path
    foreign = attachments.make_link(server_secret.ServerSecret([bytes(range(32))]), row)
    path.write_text(f"{'ab' * 16}{bytes(range(16)).hex()}\n{path.read_text()}")
    rotated = World(world.settings)

    with rotated.client() as later:
        answers = [
            later.get(made),
            later.get(foreign),
            later.get(link_of(later, {"id": row.attachment_id})),
        ]
    rotated.close()

    assert [answer.status_code for answer in answers] == [200, 404, 200]


def test_the_link_of_a_task_s_file_takes_slashes_in_ids(client):
    dataset = make_dataset(client)
    file = {"id": "charts/1 ü?#%2F", "name": "c.txt", "content": content(b"bytes")}
    deliver(client, dataset, tasks=[{"task_id": "a/b c", "response": {}, "attachments": [file]}])

    path = "/v2/datasets/task/a%2Fb%20c/response_url/charts%2F1%20%C3%BC%3F%23%252F"
    answer = client.get(path)

    assert (answer.status_code, answer.content) == (200, b"bytes")
    assert client.get(path.replace("%2F", "/")).status_code == 404
    for wrong in ("a%2Fb%20c/response_url/x", "x/response_url/charts%2F1"):
        missing = client.get(f"/v2/datasets/task/{wrong}")
        assert_is_error(404, missing.headers, missing.json())


def test_an_upload_is_named_by_the_public_url_and_the_redirect_stays_on_its_host(settings):
    world = World(msgspec.structs.replace(settings, public_url="https://example.com"))
    world.org()
    with world.client() as client:
        kept = upload(client)
        location = link_of(client, kept)
    world.close()

    assert location.startswith(f"/attachments/{kept['id']}?expires=")
    assert kept["url"] == f"https://example.com/manage/v1/attachments/{kept['id']}"


def test_an_id_that_two_organizations_have_leads_each_link_to_its_own_file(world):
    value = {
        "id": f"attachment_{'7' * 32}", "created_at": "2025-01-01T00:00:00.000Z", "size": 1,
        "mime_type": "text/plain",
    }  # fmt: skip
    links = []
    for letter, tenant in (("A", world.tenant()), ("B", world.tenant())):
        own = {
            "sha256": attachments.hash_content(letter.encode()).hex(),
            "content": base64.b64encode(letter.encode()).decode(),
        }
        assert tenant.load([{"kind": "attachment", "value": value | own}], "archive")[1] == []
        with tenant.client() as client:
            links.append(link_of(client, value))

    with world.client() as client:
        contents = [client.get(link).text for link in links]

    assert contents == ["A", "B"]
