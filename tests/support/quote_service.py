"""A small service of its own process: `python -m tests.support.quote_service FOLDER`.

`FOLDER/migrations` holds its schema. It answers one quote.
"""

from __future__ import annotations

import sys
from typing import Any

from tradewind.inventory.v1 import stock_pb2
from tradewind.inventory.v1.stock_pb2_grpc import QuoteServiceServicer

from mesh.runtime.service import Service, run
from mesh.runtime.settings import ServiceSettings


class Quotes(QuoteServiceServicer):
    """One asset that costs a dollar."""

    async def BatchGetQuotes(self, request: Any, context: Any) -> stock_pb2.BatchGetQuotesResponse:
        return stock_pb2.BatchGetQuotesResponse(quotes=[stock_pb2.Quote(asset_id="BTC", price="1")])


async def build(service: Service[ServiceSettings]) -> None:
    """Composes the service."""
    service.serve(Quotes())


if __name__ == "__main__":
    run("inventory", ServiceSettings, build, f"{sys.argv[1]}/main.py")
