"""The batcher: what waits shares, what fails fails alone, a lone caller never waits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from tradewind.api.v1.reason_pb2 import Reason

from mesh.runtime.batch import Batcher
from mesh.runtime.errors import CallError


class Doubler:
    """Doubles numbers in batches; refuses 13; holds each batch until let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()

    async def flush(self, items: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(items))
        self.begun.set()
        await self.gate.wait()
        return [ValueError("unlucky") if item == 13 else item * 2 for item in items]


async def test_a_lone_item_is_flushed_at_once() -> None:
    doubler = Doubler()
    assert await Batcher("t", doubler.flush).submit(4) == 8
    assert doubler.batches == [[4]]


async def test_items_that_arrive_during_a_batch_share_the_next() -> None:
    doubler = Doubler()
    doubler.gate.clear()
    batcher = Batcher("t", doubler.flush, max_items=10)
    tasks = [asyncio.create_task(batcher.submit(0))]
    await doubler.begun.wait()
    tasks += [asyncio.create_task(batcher.submit(item)) for item in range(1, 16)]
    await asyncio.sleep(0)
    doubler.gate.set()
    assert await asyncio.gather(*tasks[:13]) == [item * 2 for item in range(13)]
    with pytest.raises(ValueError, match="unlucky"):
        await tasks[13]
    assert await tasks[15] == 30
    assert [len(batch) for batch in doubler.batches] == [1, 10, 5]
    await batcher.drain()


async def test_a_failed_flush_is_every_items_answer_and_the_batcher_goes_on() -> None:
    failing = True

    async def flush(items: Sequence[int]) -> list[int]:
        if failing:
            raise OSError("down")
        return list(items)

    batcher: Batcher[int, int] = Batcher("t", flush)
    for result in await asyncio.gather(
        *(batcher.submit(item) for item in range(3)), return_exceptions=True
    ):
        assert isinstance(result, OSError)
    failing = False
    assert await batcher.submit(5) == 5


async def test_a_caller_that_leaves_does_not_stop_its_item() -> None:
    doubler = Doubler()
    doubler.gate.clear()
    batcher = Batcher("t", doubler.flush)
    leaving = asyncio.create_task(batcher.submit(1))
    staying = asyncio.create_task(batcher.submit(2))
    await doubler.begun.wait()
    leaving.cancel()
    doubler.gate.set()
    assert await staying == 4
    assert [item for batch in doubler.batches for item in batch] == [1, 2]


async def test_a_full_queue_refuses() -> None:
    doubler = Doubler()
    doubler.gate.clear()
    batcher = Batcher("t", doubler.flush, max_queue=2)
    tasks = [asyncio.create_task(batcher.submit(item)) for item in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(CallError) as refused:
        await batcher.submit(9)
    assert refused.value.reason is Reason.SERVICE_UNAVAILABLE
    doubler.gate.set()
    assert await asyncio.gather(*tasks) == [0, 2]
