"""Passwords: how they are hashed, and how many at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import argon2
import pytest
from argon2.low_level import Type
from tradewind.api.v1.reason_pb2 import Reason

from mesh.runtime.errors import CallError
from services.auth.passwords import Passwords
from tests.support.eventually import eventually


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    found = Passwords(workers=1, max_waiting=1)
    yield found
    await found.close()


async def test_a_hash_is_argon2id_of_19_mib_and_two_passes(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse")
    parameters = argon2.extract_parameters(stored)
    assert parameters.type is Type.ID
    assert parameters.memory_cost == 19 * 1024
    assert (parameters.time_cost, parameters.parallelism) == (2, 1)
    assert stored != await passwords.hash("correct horse")


async def test_only_the_same_password_matches(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse\u0000é")
    assert await passwords.verify(stored, "correct horse\u0000é")
    # The same characters, composed by another keyboard.
    assert await passwords.verify(stored, "correct horse\u0000e\u0301")
    for other in ("correct horse", "correct horse\u0000e", "Correct horse\u0000é", ""):
        assert not await passwords.verify(stored, other)


async def test_nobodys_password_never_matches_and_costs_the_same_hash(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[argon2.Parameters] = []
    verify = argon2.PasswordHasher.verify

    def spy(self: argon2.PasswordHasher, stored: str, password: bytes) -> bool:
        asked.append(argon2.extract_parameters(stored))
        return verify(self, stored, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", spy)
    assert not await passwords.verify(None, "correct horse")
    assert not await passwords.verify(await passwords.hash("other"), "correct horse")
    assert asked[0] == asked[1]


async def test_who_comes_when_too_many_wait_is_refused_at_once(passwords: Passwords) -> None:
    go_on, running = threading.Event(), threading.Event()

    def block() -> str:
        running.set()
        go_on.wait(10)
        return "done"

    first = asyncio.create_task(passwords._run(block))
    second = asyncio.create_task(passwords._run(lambda: "second"))

    async def began() -> bool:
        return running.is_set()

    await eventually(began)
    with pytest.raises(CallError) as refused:
        await passwords.hash("third")
    assert refused.value.reason is Reason.RATE_LIMITED
    assert refused.value.retry_after_s
    go_on.set()
    assert (await first, await second) == ("done", "second")
    assert await passwords.verify(None, "now there is room") is False


async def test_who_gives_up_frees_the_place_but_not_the_thread(passwords: Passwords) -> None:
    go_on, running = threading.Event(), threading.Event()

    def block() -> None:
        running.set()
        go_on.wait(10)

    impatient = asyncio.create_task(passwords._run(block))

    async def began() -> bool:
        return running.is_set()

    await eventually(began)
    impatient.cancel()
    assert isinstance((await asyncio.gather(impatient, return_exceptions=True))[0], BaseException)
    waiting = asyncio.create_task(passwords._run(lambda: "next"))
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    go_on.set()
    assert await waiting == "next"
