"""The client against a whole network: real name server, real resolver, real internal addresses.

The rig (`egress_rig.py`) needs a network namespace of its own; where the kernel or the sandbox
does not give one, these tests are left out and say so.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import Any

import pytest

from tests.support.harness import ROOT, clean_environment
from tests.support.network.outbound_network import INTERNAL, REPEATS
from tests.support.running.every_case import every_case

RIG = "tests.support.network.outbound_network"
NAMESPACES = ["unshare", "--net", "--mount", "--map-root-user"]


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """Results of the rig, which runs once for the module."""
    if shutil.which("ip") is None or shutil.which("unshare") is None:
        pytest.skip("needs iproute2 and util-linux")
    probe = [*NAMESPACES, "sh", "-c", "ip link set lo up && mount --bind /etc/hosts /etc/hosts"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("no network namespace of our own can be made here")
    paths = ":".join(path for path in sys.path if path)
    done = subprocess.run(
        [*NAMESPACES, sys.executable, "-m", RIG],
        cwd=ROOT,
        env=clean_environment(PYTHONPATH=paths),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_no_internal_server_was_ever_called(report):
    assert report["canaries"] == dict.fromkeys(INTERNAL, 0)
    assert report["canary control"] == 1


@pytest.mark.parametrize("case", ["good.test", "public literal"])
def test_a_public_receiver_is_called(report, case):
    assert report[case] == {"saved": True, "outcome": "ok"}


@every_case(
    "case",
    [
        "mixed.test", "meta.test", "ten.test", "shared.test", "loop.test", "six.test",
        "cloud.test", "split.test", "later.test, later",
    ],
)  # fmt: skip
def test_a_name_that_leads_inside_is_neither_saved_nor_called(report, case):
    assert report[case] == {"saved": False, "outcome": "refused_address"}


def test_a_name_that_is_public_when_saved_and_internal_when_used_is_not_called(report):
    assert report["flip.test"] == {"saved": True, "outcome": "refused_address"}


def test_a_name_that_is_internal_when_saved_is_not_saved(report):
    assert report["flop.test"] == {"saved": False, "outcome": "ok"}


def test_a_name_that_flips_with_every_lookup_is_called_only_where_it_was_checked(report):
    half = REPEATS // 2

    assert report["rebinding"] == {"ok": half, "refused_address": half}
    assert report["rebinding called"] == half


def test_a_redirect_to_the_metadata_server_is_not_followed(report):
    assert report["redirect"] == {"saved": True, "outcome": "status"}


def test_a_name_that_does_not_exist_may_be_saved_and_fails_when_used(report):
    assert report["unknown"] == {"saved": True, "outcome": "dns_failed"}


def test_no_spelling_gets_further_than_a_refusal(report):
    assert set(report["spellings"]) <= {"bad_url", "refused_address", "dns_failed"} | {
        "saved, dns_failed"
    }
    assert sum(report["spellings"].values()) > 150
