"""Sealed secrets open in their row, with the server secret that sealed them, and nowhere else."""

from __future__ import annotations

import secrets as random_secrets

import pytest

from plaudit.core.common.encryption import seal, unseal
from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import Misconfigured, ServerFault

OLD, NEW = random_secrets.token_bytes(32), random_secrets.token_bytes(32)
ROW = "endpoint_secret:endpoint_1"
VALUE = b"whsec_c2VjcmV0IG9mIGFuIGVuZHBvaW50IGhlcmU="


def test_what_is_sealed_opens_and_does_not_show():
    server = ServerSecret([NEW])

    sealed = seal(server, VALUE, row=ROW)

    assert unseal(server, sealed, row=ROW) == VALUE
    assert VALUE[6:] not in sealed


@pytest.mark.parametrize("value", [b"", b"\x00", b"x" * 100_000])
def test_every_size_opens(value):
    server = ServerSecret([NEW])

    assert unseal(server, seal(server, value, row=ROW), row=ROW) == value


def test_the_same_value_is_never_sealed_to_the_same_bytes():
    server = ServerSecret([NEW])

    assert len({seal(server, VALUE, row=ROW) for _ in range(100)}) == 100


@pytest.mark.parametrize("row", ["endpoint_secret:endpoint_2", "", ROW + " ", ROW.upper()])
def test_it_does_not_open_in_another_row(row):
    server = ServerSecret([NEW])
    sealed = seal(server, VALUE, row=ROW)

    with pytest.raises(ServerFault):
        unseal(server, sealed, row=row)


def test_no_flipped_bit_goes_unnoticed():
    server = ServerSecret([NEW])
    sealed = seal(server, VALUE, row=ROW)

    for number in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[number // 8] ^= 1 << number % 8
        with pytest.raises((ServerFault, Misconfigured)):
            unseal(server, bytes(changed), row=ROW)


def test_nothing_shorter_opens():
    server = ServerSecret([NEW])
    sealed = seal(server, b"", row=ROW)

    for size in range(len(sealed)):
        with pytest.raises(ServerFault):
            unseal(server, sealed[:size], row=ROW)


def test_an_older_line_of_the_secret_file_still_opens():
    sealed = seal(ServerSecret([OLD]), VALUE, row=ROW)

    assert unseal(ServerSecret([NEW, OLD]), sealed, row=ROW) == VALUE


def test_the_first_line_is_the_one_that_seals():
    sealed = seal(ServerSecret([NEW, OLD]), VALUE, row=ROW)

    assert unseal(ServerSecret([NEW]), sealed, row=ROW) == VALUE


def test_without_that_line_the_operator_is_told_which_one_is_missing():
    sealed = seal(ServerSecret([OLD]), VALUE, row=ROW)
    fingerprint = ServerSecret([OLD]).fingerprints[0]

    with pytest.raises(Misconfigured, match=f"lacks a line .*{fingerprint}"):
        unseal(ServerSecret([NEW]), sealed, row=ROW)


def test_the_sealing_key_is_not_the_key_of_another_purpose():
    server = ServerSecret([NEW])

    assert set(server.sealing_keys().values()).isdisjoint({NEW, *server._api_keys, *server._tokens})
