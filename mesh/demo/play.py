"""Plays the day on a running mesh, with a progress bar on a terminal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from mesh.demo.client import Edge
from mesh.demo.day import Advance, Day, Script


@contextmanager
def _bar() -> Iterator[Advance]:
    if not sys.stderr.isatty():
        yield _say
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

    stages: dict[str, TaskID] = {}
    columns = (TextColumn("{task.description:>11}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True)) as shown:

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                stages[stage] = shown.add_task(stage, total=total)
            shown.update(stages[stage], completed=done)

        yield advance


def _say(stage: str, done: int, total: int) -> None:
    if done in (0, total):
        print(f"{stage}: {done} of {total}", file=sys.stderr)


async def _play(address: str, customers: int, orders: int, limit_s: float) -> Day:
    async with grpc.aio.insecure_channel(address) as channel, asyncio.timeout(limit_s):
        with _bar() as advance:
            return await Script(Edge(channel), advance).play(customers, orders)


def play(address: str, customers: int, orders: int, limit_s: float) -> Day:
    """Plays a day through the edge at `host:port`.

    Raises:
        TimeoutError: it took longer than `limit_s` seconds.
        grpc.aio.AioRpcError: a call failed that the script does not provoke.
    """
    return asyncio.run(_play(address, customers, orders, limit_s))
