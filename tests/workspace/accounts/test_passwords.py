"""Which passwords may be chosen, and what is kept of them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from plaudit.core.accounts import passwords
from plaudit.errors import InvalidContent, Unavailable
from tests.support.running.every_case import every_case

pytestmark = pytest.mark.usefixtures("product_hasher")

ABOUT = ("ada.lovelace@example.com", "Augusta Ada King")

EASY = (
    "password1234", "Password1234", "PASSWORD!!!!", "P@ssw0rd!2024", "passwordpassword",
    "1234password", "123456789012", "111111111111", "abcabcabcabc", "qwertyuiop[]", "qwertyuiopas",
    "qwertyqwerty", "asdfghjklzxc", "1q2w3e4r5t6y", "1qaz2wsx3edc", "letmeinletmein",
    "iloveyou1234",
    "correcthorsebatterystaple", "abcdefghijkl", "zyxwvutsrqponm", "Welcome12345",
    "welcome-welcome",
    "changeme1234", "Summer2024!!", "admin-admin-admin", "plaudit12345", "aaaaaaaabbbb",
    "ada.lovelace@example.com", "lovelace1234", "Lovelace!2024", "ada.lovelace", "000000000000000",
    "abcdabcdabcd", "adminpassword", "football2023", "12345678901234567890", "trustno1trustno1",
    "chocolate123", "1234567890ab", "michelle1990", "princess2010!", "dragonmaster", "sunshine2024",
    "liverpoolfc1892", "superman1234", "ilovechocolate", "qwerty123456", "Qwerty!23456",
    "jessica1234!", "zaq12wsxcde3", "Berlin2024!!", "company12345", "loveyou12345", "godisgreat123",
    "mynameisjohn", "qazwsxedcrfv", "qwertzuiopas", "yxcvbnmasdfg", "!@#$%^&*()_+", "112233445566",
    "01/01/1990abc", "annotator123", "reviewer2024", "Augusta King1", "augustaadaking",
    "Winter2025!!", "Pa55w0rd!!!!", "password" * 32, "aB3$" * 3,
)  # fmt: skip

GOOD = (
    "seven plain wooden boats", "Tr0ub4dor&3-x9", "kitchen marble 44 radio", "пароль для работы",
    "漢字仮名交じり文を書く人々", "e9xf-3cpq-odgx-yzak", "my password is a long one",
    "wxk2 9pqm vvt7 n3dh", "passwordless future ahead", "🦊🌲🏔️ walk at dawn", "q8#Lm2!vTz9w",
    "xk7-pq2-vmw9", "plain boats seven", "a" * 100 + " seven plain wooden boats", "x9 {[(<|!1" * 9,
    "ada likes wooden boats most",
)  # fmt: skip


REASONS = (
    ("chocolate123", "common words"),
    ("!@#$%^&*()_+", "run of keys"),
    ("abcdefghijklm", "a sequence"),
    ("aaaaaaaaaaaa", "repeats itself"),
    ("Lovelace!2024", "e-mail address"),
)


def require_good(password: str, **options: Any) -> None:
    asyncio.run(passwords.require_good(password, about=ABOUT, **options))


@every_case("password", EASY)
def test_what_everybody_tries_first_is_refused(password):
    with pytest.raises(InvalidContent, match="too easy"):
        require_good(password)


@every_case("password", GOOD)
def test_what_nobody_guesses_is_accepted_whatever_its_characters(password):
    require_good(password)


@pytest.mark.parametrize(("password", "reason"), REASONS)
def test_a_refusal_says_what_makes_the_password_easy_but_not_the_password(password, reason):
    with pytest.raises(InvalidContent, match=reason) as refused:
        require_good(password)

    assert password not in refused.value.message


def test_what_is_known_of_one_person_counts_for_them_alone():
    """The estimator is shared by all threads."""

    async def work():
        mine = passwords.require_good("zebulonquist77", about=["zebulonquist@example.com"])
        others = [
            passwords.require_good("zebulonquist77", about=[f"person{n}@example.com", None])
            for n in range(20)
        ]
        return await asyncio.gather(mine, *others, return_exceptions=True)

    mine, *others = asyncio.run(work())

    assert isinstance(mine, InvalidContent)
    assert others == [None] * 20


@pytest.mark.parametrize("password", ["4@8({[<369|!17057$5+%2" * 11, "1!7|4@$5" * 32, "a1" * 128])
def test_the_longest_password_is_judged_beside_the_loop(password):
    """It takes a bounded time, in which the loop turns at least every 50 ms of the CPU's time."""

    def judge() -> float:
        before = time.thread_time()
        passwords.find_weakness(password, ABOUT)
        return time.thread_time() - before

    async def work() -> tuple[float, int]:
        judging = asyncio.ensure_future(asyncio.to_thread(judge))
        turns = 0
        while not judging.done():
            await asyncio.sleep(0.001)
            turns += 1
        return judging.result(), turns

    passwords.find_weakness("loads the lists", [])
    cpu_seconds, turns = asyncio.run(work())

    assert cpu_seconds < 2
    assert turns > cpu_seconds / 0.05


def test_the_estimator_is_not_loaded_before_a_password_is_chosen():
    code = "import sys, plaudit.cli; sys.exit('zxcvbn' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


@pytest.mark.parametrize(
    ("password", "reason"), [("x9! kq2", "at least 12"), ("ab " * 100, "at most 256")]
)
def test_the_bounds_of_a_password(password, reason):
    with pytest.raises(InvalidContent, match=reason) as refused:
        require_good(password, pointer="/new_password")

    assert refused.value.pointer == "/new_password"


def test_a_hash_is_argon2id_with_a_salt_of_its_own():
    first, second = asyncio.run(_both(passwords.hashed(GOOD[0]), passwords.hashed(GOOD[0])))

    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
    assert not passwords.needs_new_hash(first)
    assert passwords.needs_new_hash(first.replace("t=2", "t=1"))


async def _both(*work):
    return [await one for one in work]


@pytest.mark.parametrize(
    ("chosen", "typed"),
    [
        ("cafe\u0301 on the hill", "caf\u00e9 on the hill"),
        ("ｆｕｌｌ ｗｉｄｔｈ ｗｏｒｄｓ", "full width words"),
    ],
)
def test_one_password_typed_on_two_keyboards_is_one_password(chosen, typed):
    async def work():
        return await passwords.matches(await passwords.hashed(chosen), typed)

    assert asyncio.run(work())


@pytest.mark.parametrize("password", ["", "x", GOOD[0].upper(), GOOD[0] + "\0", "x" * 10_000])
def test_another_password_does_not_match(password):
    async def work():
        return await passwords.matches(await passwords.hashed(GOOD[0]), password)

    assert not asyncio.run(work())


@pytest.mark.parametrize("stored", ["", "x", "$argon2id$", "plain text"])
def test_a_stored_hash_that_is_none_matches_nothing(stored):
    assert not asyncio.run(passwords.matches(stored, stored))


def test_hashing_keeps_nobody_waiting_and_never_runs_on_the_loop():
    """While passwords are hashed, the loop goes on."""

    async def work():
        slow = passwords.HashingPool()
        ran_in = []
        turns = 0
        held = threading.Event()

        def hold():
            ran_in.append(threading.current_thread())
            held.wait(5)

        waiting = asyncio.gather(*(slow.run(hold) for _ in range(passwords.THREADS)))
        for _ in range(20):
            await asyncio.sleep(0)
            turns += 1
        held.set()
        await waiting
        return ran_in, turns

    ran_in, turns = asyncio.run(work())

    assert turns == 20
    assert len(ran_in) == passwords.THREADS
    assert threading.main_thread() not in ran_in


def test_who_comes_while_too_many_wait_is_told_to_come_again():
    async def work():
        slow = passwords.HashingPool()
        held = threading.Event()
        tasks = [
            asyncio.ensure_future(slow.run(lambda: held.wait(5)))
            for _ in range(passwords.WAITING_MAX)
        ]
        await asyncio.sleep(0)
        try:
            with pytest.raises(Unavailable):
                await slow.run(lambda: None)
        finally:
            held.set()
            await asyncio.gather(*tasks)
        await slow.run(lambda: None)

    asyncio.run(work())
