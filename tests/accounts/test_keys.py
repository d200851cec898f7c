"""API keys and the server secret: their form, how they are kept, and who is let in."""

from __future__ import annotations

import base64
import math
import random
import string
import zlib
from itertools import product

import httpx2
import pytest

from plaudit import clock
from plaudit.core.accounts import api_keys
from plaudit.core.common import server_secret
from plaudit.errors import Conflict, Misconfigured, NotFound
from plaudit.model.core import Role
from tests.support.harness import World, one_engine, run_cli, store_arguments
from tests.support.running.every_case import every_case

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
UNKNOWN = api_keys.mint_key("live")


def answer_to(client, header):
    """The answer to this Authorization header, whole: status, headers and bytes."""
    headers = {"X-Request-Id": "pinned", "Accept": "application/json"}
    if header is not None:
        headers["Authorization"] = header
    request = client.build_request("GET", "/v2/projects", headers=headers)
    if header is None:
        request.headers.pop("Authorization", None)
    answer = client.send(request)
    return answer.status_code, sorted(answer.headers.items()), answer.content


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("mode", ["live", "test"])
def test_a_key_is_its_mode_forty_random_characters_and_a_checksum(mode):
    key = api_keys.mint_key(mode)

    assert key.startswith(f"{mode}_")
    assert len(key) == 5 + 40 + 6
    assert set(key[5:]) <= set(BASE62)
    number = 0
    for char in key[-6:]:
        number = number * 62 + BASE62.index(char)
    assert number == zlib.crc32(key[:-6].encode())


def test_a_key_holds_at_least_190_random_bits_beyond_what_is_shown_of_it():
    shown = api_keys.DISPLAY_CHARS - len("live_")

    assert (api_keys.RANDOM_CHARS - shown) * math.log2(62) >= 190


def test_every_place_of_a_key_takes_every_character():
    """No place is fixed and none is drawn from less than the whole alphabet."""
    keys = [api_keys.mint_key("live") for _ in range(1500)]

    assert len(set(keys)) == len(keys)
    for place in range(5, 45):
        assert {key[place] for key in keys} == set(BASE62)


def test_the_checksum_tells_keys_from_strings_that_resemble_them():
    dice = random.Random(7)
    resembling = ["live_" + "".join(dice.choices(BASE62, k=46)) for _ in range(20_000)]

    assert sum(api_keys.is_key(text) for text in resembling) == 0
    assert api_keys.is_key(UNKNOWN)


@every_case(
    "spoil",
    [
        lambda key: key[:-1],
        lambda key: key + "0",
        lambda key: key + "\n",
        lambda key: " " + key,
        lambda key: key.upper(),
        lambda key: key.swapcase(),
        lambda key: "prod" + key[4:],
        lambda key: key.replace("live_", "test_"),
        lambda key: key.replace("_", "-"),
        lambda key: key[:10] + key[11] + key[10] + key[12:],
        lambda key: key[:20] + "é" + key[21:],
        lambda key: key[:20] + "１" + key[21:],
        lambda key: "",
    ],
)
def test_one_change_makes_a_key_no_key(spoil):
    key = "live_" + "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcd"
    key += api_keys._checksum(key)
    assert api_keys.is_key(key)

    assert not api_keys.is_key(spoil(key))


def test_no_file_of_the_store_holds_a_key(world, start_server):
    """Neither the database nor its log of writes, nor the server's log, nor half of a key."""
    keys = [world.key(), world.key(role="read"), world.key(mode="test")]
    server = start_server(PLAUDIT_LOG_LEVEL="debug")
    with httpx2.Client(base_url=server.url) as client:
        for key in keys:
            for header in (f"Bearer {key}", basic(f"{key}:")):
                headers = {"Authorization": header}
                assert client.get("/v2/projects", headers=headers).status_code == 200
                assert client.get(f"/v2/projects?q={key}", headers=headers).status_code == 400
    server.stop()

    files = [path for path in world.settings.data.rglob("*") if path.is_file()]

    assert server.log_path.read_bytes().count(b"list_projects") >= len(keys)
    if world.settings.database is None:
        assert any(path.name.endswith("-wal") for path in files)
    for path in files:
        data = path.read_bytes()
        for key in keys:
            assert key.encode() not in data, path
            assert key[api_keys.DISPLAY_CHARS : -6].encode() not in data, path
            assert key[5:45].encode() not in data, path


def test_a_key_cannot_be_tried_against_a_stolen_database_without_the_secret(world):
    """The stored digest is keyed: the same key under another secret has another one."""
    key = world.key()
    other = server_secret.ServerSecret([b"0123456789abcdefghijklmnopqrstuv"])

    assert other.key_digests(key) != world.secret.key_digests(key)
    assert len(world.secret.key_digests(key)[0]) >= 24


def test_all_who_are_refused_get_one_and_the_same_answer(world):
    """Missing, malformed, unknown, revoked, expired and misspelled are told apart by nothing."""
    environment_id = world.org()
    revoked, expired = world.key(), expiring(world, clock.now_ms() - 1)
    world.run(api_keys.revoke_key(world.db, environment_id=environment_id, key=revoked))
    valid = world.key()
    headers = [
        None, "", "Bearer", "Bearer ", "Basic", "Basic ", "Basic !!!", "Basic 77+9",
        f"Bearer {UNKNOWN}", f"Bearer {revoked}", f"Bearer {expired}", "Bearer live_short",
        f"Bearer {valid[:-1]}", f"Bearer {valid}x", f"Bearer {valid.swapcase()}",
        f"Bearer {valid[:-1]}{'1' if valid[-1] != '1' else '2'}",
        f"Bearer {valid} {valid}", f"Bearer {valid},", f'Bearer "{valid}"', f"Bearer={valid}",
        f"Token {valid}", f"Digest {valid}", valid, f"{valid}:", f"Basic {valid}",
        f"Bearer {'a' * 8000}", "Bearer é", "Bearer \x7f", f"Negotiate {valid}",
        basic(f"{UNKNOWN}:"), basic(f"{revoked}:"), basic(f"{expired}:"), basic(f":{valid}"),
        basic(f"x{valid}:"), basic(""), basic(":"), basic("é:"),
    ]  # fmt: skip

    with world.client(valid) as client:
        assert answer_to(client, f"Bearer {valid}")[0] == 200
        answers = [
            answer_to(client, None if one is None else one.encode("latin-1")) for one in headers
        ]

    assert answers[0][0] == 401
    assert ("www-authenticate", 'Bearer realm="plaudit"') in answers[0][1]
    different = [one for one, got in zip(headers, answers, strict=True) if got != answers[0]]
    assert different == []


def expiring(world: World, expires_ms: int) -> str:
    return world.run(
        api_keys.create_key(
            world.db, world.secret, environment_id=world.org(), mode="live", name="",
            role=Role.admin,
            expires_ms=expires_ms,
        )
    )  # fmt: skip


def test_a_key_works_up_to_its_end_and_not_at_it(world, monkeypatch):
    end = clock.now_ms() + 60_000
    key = expiring(world, end)

    with world.client(key) as client:
        monkeypatch.setattr(clock, "now_ms", lambda: end - 1)
        assert client.get("/v2/projects").status_code == 200
        monkeypatch.setattr(clock, "now_ms", lambda: end)
        assert client.get("/v2/projects").status_code == 401


@every_case(
    "spell",
    [
        lambda key: f"Bearer {key}",
        lambda key: f"bearer {key}",
        lambda key: f"BEARER {key}",
        lambda key: f"Bearer   {key}",
        lambda key: basic(f"{key}:"),
        lambda key: basic(key),
        lambda key: basic(f"{key}:ignored:too"),
        lambda key: basic(f"{key}:").replace("Basic", "basic"),
    ],
)
def test_a_key_is_accepted_in_every_spelling_that_clients_send(world, spell):
    """Scale's clients send Basic with the key as the user's name, or Bearer."""
    key = world.key()
    with world.client(key) as client:
        assert client.get("/v2/projects", headers={"Authorization": spell(key)}).status_code == 200


def test_a_revoked_key_is_refused_from_the_next_request_on(world):
    key, other = world.key(), world.key()
    with world.client(key) as client:
        assert client.get("/v2/projects").status_code == 200

        world.run(api_keys.revoke_key(world.db, environment_id=world.org(), key=key))

        assert client.get("/v2/projects").status_code == 401
        headers = {"Authorization": f"Bearer {other}"}
        assert client.get("/v2/projects", headers=headers).status_code == 200
    with pytest.raises(NotFound):
        world.run(api_keys.revoke_key(world.db, environment_id=world.org(), key=key))


def test_a_key_can_be_revoked_only_in_its_own_world(world):
    key = world.key()

    for org in (world.org("other"), world.org(mode="test")):
        with pytest.raises(NotFound):
            world.run(api_keys.revoke_key(world.db, environment_id=org, key=key))

    with world.client(key) as client:
        assert client.get("/v2/projects").status_code == 200


def test_live_and_test_keys_see_separate_environments(world):
    live = world.project("Shared name")
    with world.client(world.key(mode="test")) as tester:
        assert tester.get("/v2/projects").json() == {"projects": []}
        for params in ({"project_id": live.project_id}, {"project_name": "Shared name"}):
            assert tester.get("/v2/project", params=params).status_code == 404
            assert tester.get("/v2/tasks", params=params).status_code == 404
    with world.client(world.key()) as client:
        assert len(client.get("/v2/projects").json()["projects"]) == 1


def test_roles_include_the_ones_before_them(world):
    assert Role.read < Role.write < Role.admin
    for role in Role:
        with world.client(world.key(role=role.name)) as client:
            assert client.get("/v2/projects").status_code == 200


def test_a_role_too_low_is_forbidden_and_a_higher_one_is_not(world):
    """The order decides, on every operation alike: read is below write is below admin."""
    for role in Role:
        found = world.run(_authenticated(world, world.key(role=role.name)))
        assert [found.role < needed for needed in Role] == [role < needed for needed in Role]


async def _authenticated(world: World, key: str):
    async with world.db.read() as tx:
        return await api_keys.authenticate(tx, world.secret, f"Bearer {key}")


@one_engine
@every_case(
    "name, path",
    product(
        ["api_key", "key", "project_id", "next_token", "anything"],
        ["/v2/projects", "/v2/tasks", "/healthz"],
    ),
)
def test_a_key_in_a_url_is_refused_and_not_repeated(world, client, name, path):
    """Its value goes into no answer; whoever sent it is told to revoke it."""
    key = world.key()

    answer = client.get(path, params={name: key})

    assert answer.status_code == 400
    assert answer.json()["param"] == name
    assert "revoke" in answer.json()["error"]
    assert key[5:] not in answer.text


def test_two_organizations_of_one_name_are_refused(world):
    world.org("Acme")
    with pytest.raises(Conflict):
        world.run(api_keys.create_organization(world.db, "Acme"))


class TestSecretFile:
    """The file that the server's own secret is in."""

    def test_it_is_made_for_its_owner_alone_and_only_once(self, tmp_path):
        path = tmp_path / "new" / "secret"

        assert server_secret.make(path)
        first = path.read_text()
        assert not server_secret.make(path)

        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_text() == first
        assert len(bytes.fromhex(first)) == 32
        assert list(path.parent.iterdir()) == [path]

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610, 0o601, 0o777])
    def test_one_that_others_can_reach_is_refused(self, settings, mode):
        settings.secret_path.chmod(mode)

        with pytest.raises(Misconfigured, match="open to others"):
            server_secret.load(settings.secret_path)

    def test_a_missing_one_is_refused_and_not_made_anew(self, settings):
        settings.secret_path.unlink()

        with pytest.raises(Misconfigured, match="missing"):
            server_secret.load(settings.secret_path)
        ran = run_cli("serve", *store_arguments(settings), "--port", "1")

        assert ran.returncode != 0
        assert "secret" in ran.stderr
        assert not settings.secret_path.exists()

    @pytest.mark.parametrize(
        "text",
        [
            b"", b"\n\n", b"changeme\n", b"secret", b"00" * 32, b"ab" * 32, b"ab" * 31,
            b"0123456789abcdef" * 5, b"not hex at all, but long enough to be one, it is" * 2,
            b"\xff\xfe\x00", "é".encode(), b"0123456789abcdef0123456789ABCDEF\n\nzz",
        ],
    )  # fmt: skip
    def test_a_foul_one_is_refused(self, settings, text):
        settings.secret_path.write_bytes(text)

        with pytest.raises(Misconfigured) as caught:
            server_secret.load(settings.secret_path)

        said = caught.value.message.replace(str(settings.secret_path), "")
        assert str(settings.secret_path) in caught.value.message
        assert len(text) < 8 or text.decode("latin-1").strip() not in said

    def test_one_of_another_store_is_refused_and_says_which_is_wanted(self, world):
        wanted = world.secret.fingerprints[0]
        world.settings.secret_path.unlink()
        server_secret.make(world.settings.secret_path)

        path = world.settings.secret_path
        with pytest.raises(Misconfigured, match=wanted):
            world.run(server_secret.bind(world.db, server_secret.load(path), path))
        ran = run_cli("serve", *store_arguments(world.settings), "--port", "1")

        assert ran.returncode != 0
        assert wanted in ran.stderr
        assert "Traceback" not in ran.stderr

    def test_nothing_made_of_the_secret_shows_it(self, settings):
        text = settings.secret_path.read_text().strip()
        secret = server_secret.load(settings.secret_path)

        shown = repr(secret) + "".join(secret.fingerprints)

        assert text not in shown
        assert len({secret.key_digests("x")[0], secret.token_macs(b"x")[0]}) == 2
