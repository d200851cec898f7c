"""Encrypted secrets are decrypted in their row, with their server secret, and nowhere else."""

from __future__ import annotations

import secrets as random_secrets

import pytest

from plaudit.core.common.encryption import decrypt, encrypt
from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import Misconfigured, ServerFault

OLD, NEW = random_secrets.token_bytes(32), random_secrets.token_bytes(32)
ROW = "endpoint_secret:endpoint_1"
VALUE = b"whsec_c2VjcmV0IG9mIGFuIGVuZHBvaW50IGhlcmU="


def test_what_is_encrypted_is_decrypted_and_does_not_show():
    server = ServerSecret([NEW])

    encrypted = encrypt(server, VALUE, row=ROW)

    assert decrypt(server, encrypted, row=ROW) == VALUE
    assert VALUE[6:] not in encrypted


@pytest.mark.parametrize("value", [b"", b"\x00", b"x" * 100_000])
def test_every_size_is_decrypted(value):
    server = ServerSecret([NEW])

    assert decrypt(server, encrypt(server, value, row=ROW), row=ROW) == value


def test_the_same_value_is_never_encrypted_to_the_same_bytes():
    server = ServerSecret([NEW])

    assert len({encrypt(server, VALUE, row=ROW) for _ in range(100)}) == 100


@pytest.mark.parametrize("row", ["endpoint_secret:endpoint_2", "", ROW + " ", ROW.upper()])
def test_it_is_not_decrypted_in_another_row(row):
    server = ServerSecret([NEW])
    encrypted = encrypt(server, VALUE, row=ROW)

    with pytest.raises(ServerFault):
        decrypt(server, encrypted, row=row)


def test_no_flipped_bit_goes_unnoticed():
    server = ServerSecret([NEW])
    encrypted = encrypt(server, VALUE, row=ROW)

    for number in range(len(encrypted) * 8):
        changed = bytearray(encrypted)
        changed[number // 8] ^= 1 << number % 8
        with pytest.raises((ServerFault, Misconfigured)):
            decrypt(server, bytes(changed), row=ROW)


def test_nothing_shorter_is_decrypted():
    server = ServerSecret([NEW])
    encrypted = encrypt(server, b"", row=ROW)

    for size in range(len(encrypted)):
        with pytest.raises(ServerFault):
            decrypt(server, encrypted[:size], row=ROW)


def test_an_older_line_of_the_secret_file_still_decrypts():
    encrypted = encrypt(ServerSecret([OLD]), VALUE, row=ROW)

    assert decrypt(ServerSecret([NEW, OLD]), encrypted, row=ROW) == VALUE


def test_the_first_line_is_the_one_that_encrypts():
    encrypted = encrypt(ServerSecret([NEW, OLD]), VALUE, row=ROW)

    assert decrypt(ServerSecret([NEW]), encrypted, row=ROW) == VALUE


def test_without_that_line_the_operator_is_told_which_one_is_missing():
    encrypted = encrypt(ServerSecret([OLD]), VALUE, row=ROW)
    fingerprint = ServerSecret([OLD]).fingerprints[0]

    with pytest.raises(Misconfigured, match=f"lacks a line .*{fingerprint}"):
        decrypt(ServerSecret([NEW]), encrypted, row=ROW)


def test_the_encryption_key_is_not_the_key_of_another_purpose():
    server = ServerSecret([NEW])

    assert set(server.encryption_keys().values()).isdisjoint(
        {NEW, *server._api_keys, *server._tokens}
    )
