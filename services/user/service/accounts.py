"""The caller's own money and assets."""

from __future__ import annotations

from tradewind.api.v1.reason_pb2 import Reason
from tradewind.user.v1.account_pb2 import (
    Balance,
    DepositRequest,
    GetBalanceRequest,
    GetHoldingRequest,
    GetPortfolioRequest,
    Holding,
    ListHoldingsRequest,
    ListHoldingsResponse,
    ListHoldingTransactionsRequest,
    ListTransactionsRequest,
    ListTransactionsResponse,
    Portfolio,
    Transaction,
    WithdrawRequest,
)
from tradewind.user.v1.account_pb2_grpc import AccountServiceServicer

from mesh.runtime.batch import Batcher
from mesh.runtime.context import current_call
from mesh.runtime.decimals import CENTS_SCALE, to_text, to_units
from mesh.runtime.errors import CallError
from mesh.runtime.paging import decode_token, encode_token, page_size
from mesh.runtime.times import bounds, timestamp
from services.user.domain.decide import Limits
from services.user.domain.ledger import (
    OUTSIDE,
    USD,
    Account,
    Group,
    Intent,
    Key,
    Outcome,
    Posting,
    Purpose,
    Transfer,
)
from services.user.service.portfolio import holding, portfolio
from services.user.service.quotes import Quotes
from services.user.service.views import transaction, user_not_found
from services.user.store.accounts import AccountStore, Movement, Span
from services.user.store.ledger import Settled

_NEWEST = 2**62
"""An account sequence beyond all that will ever be."""


def _movement(posting: Posting, subject: str) -> Movement:
    incoming = posting.transfer.credit == subject
    return Movement(
        transfer_id=posting.transfer_id,
        purpose=posting.transfer.purpose,
        reference=posting.transfer.reference,
        amount=posting.transfer.amount if incoming else -posting.transfer.amount,
        seq=posting.credit_seq if incoming else posting.debit_seq,
        balance=posting.credit_balance if incoming else posting.debit_balance,
        created_at=posting.created_at,
    )


def _refused(settled: Settled, limit: int) -> CallError:
    """Why cash did not move; `limit` is the day's, in cents."""
    match settled.decision.reason:
        case Reason.USER_NOT_FOUND:
            return user_not_found()
        case Reason.INSUFFICIENT_FUNDS:
            return CallError(Reason.INSUFFICIENT_FUNDS, "There is not enough cash available.")
        case Reason.DAILY_LIMIT:
            return CallError(
                Reason.DAILY_LIMIT,
                "The amount would take the day's total above its limit.",
                metadata={
                    "dailyLimit": to_text(limit, CENTS_SCALE),
                    "remaining": to_text(settled.left_today or 0, CENTS_SCALE),
                },
            )
        case reason:
            return CallError(reason, "The amount is more than the account can take.")


class AccountService(AccountServiceServicer):
    """Handlers of `AccountService`; each acts on the caller's own accounts."""

    def __init__(
        self,
        store: AccountStore,
        ledger: Batcher[Group, Settled],
        quotes: Quotes,
        limits: Limits,
    ) -> None:
        self._store = store
        self._limits = limits
        self._ledger = ledger
        self._quotes = quotes

    async def GetBalance(self, request: GetBalanceRequest, _: object) -> Balance:
        """The caller's cash; USER_NOT_FOUND."""
        cash = await self._store.one(current_call().subject, USD)
        if cash is None:
            raise user_not_found()
        return Balance(
            currency=USD,
            available=to_text(cash.account.available, CENTS_SCALE),
            held=to_text(cash.account.pending_out, CENTS_SCALE),
            update_time=timestamp(cash.updated_at),
        )

    async def Deposit(self, request: DepositRequest, _: object) -> Transaction:
        """Puts cash in; DAILY_LIMIT, USER_NOT_FOUND, REQUEST_ID_REUSED."""
        subject = current_call().subject
        cents = to_units(request.amount, CENTS_SCALE)
        return await self._move_cash(
            f"deposit:{subject}:{request.request_id}",
            Transfer(OUTSIDE, subject, USD, cents, Purpose.DEPOSIT),
        )

    async def Withdraw(self, request: WithdrawRequest, _: object) -> Transaction:
        """Takes cash out; INSUFFICIENT_FUNDS, DAILY_LIMIT, USER_NOT_FOUND, REQUEST_ID_REUSED."""
        subject = current_call().subject
        cents = to_units(request.amount, CENTS_SCALE)
        return await self._move_cash(
            f"withdraw:{subject}:{request.request_id}",
            Transfer(subject, OUTSIDE, USD, cents, Purpose.WITHDRAWAL),
        )

    async def _move_cash(self, group_id: str, transfer: Transfer) -> Transaction:
        group = Group(group_id, (transfer,), Intent.POST_OR_FORGET)
        settled = await self._ledger.submit(group)
        match settled.decision.outcome:
            case Outcome.POSTED:
                movement = _movement(settled.postings[0], current_call().subject)
                return transaction(movement, USD, CENTS_SCALE)
            case Outcome.EXISTS_DIFFERENT:
                raise CallError(
                    Reason.REQUEST_ID_REUSED, "The request id was used for another amount."
                )
            case _:
                raise _refused(settled, self._limits.of(transfer.purpose) or 0)

    async def ListTransactions(
        self, request: ListTransactionsRequest, _: object
    ) -> ListTransactionsResponse:
        """The movements of the caller's cash, newest first."""
        return await self._movements(request, USD, CENTS_SCALE)

    async def ListHoldingTransactions(
        self, request: ListHoldingTransactionsRequest, _: object
    ) -> ListTransactionsResponse:
        """The movements of one asset, newest first; ASSET_NOT_FOUND."""
        quote = await self._quotes.one(request.asset_id)
        return await self._movements(request, quote.asset_id, quote.quantity_scale)

    async def _movements(
        self,
        request: ListTransactionsRequest | ListHoldingTransactionsRequest,
        asset_id: str,
        scale: int,
    ) -> ListTransactionsResponse:
        subject = current_call().subject
        since, until = bounds(request)
        query = ("transactions", subject, asset_id, since, until)
        before = decode_token(request.page_token, int, *query) if request.page_token else _NEWEST
        size = page_size(request.page_size)
        span = Span(since, until, min(before, _NEWEST))
        found = await self._store.movements(Key(subject, asset_id), span, size + 1)
        page = found[:size]
        more = len(found) > size
        return ListTransactionsResponse(
            transactions=[transaction(movement, asset_id, scale) for movement in page],
            next_page_token=encode_token(page[-1].seq, *query) if more else "",
        )

    async def ListHoldings(self, request: ListHoldingsRequest, _: object) -> ListHoldingsResponse:
        """The assets the caller holds, by asset id."""
        subject = current_call().subject
        query = ("holdings", subject)
        after = decode_token(request.page_token, str, *query) if request.page_token else ""
        size = page_size(request.page_size)
        found = await self._store.holdings(subject, after, size + 1)
        page = [owned.account for owned in found[:size]]
        quotes = await self._quotes.of([account.key.asset_id for account in page])
        known = [account for account in page if account.key.asset_id in quotes]
        return ListHoldingsResponse(
            holdings=[holding(account, quotes[account.key.asset_id]) for account in known],
            next_page_token=(
                encode_token(page[-1].key.asset_id, *query) if len(found) > size else ""
            ),
        )

    async def GetHolding(self, request: GetHoldingRequest, _: object) -> Holding:
        """What the caller holds of one asset, zeros when nothing; ASSET_NOT_FOUND."""
        subject = current_call().subject
        quote = await self._quotes.one(request.asset_id)
        owned = await self._store.one(subject, quote.asset_id)
        account = owned.account if owned else Account(Key(subject, quote.asset_id))
        return holding(account, quote)

    async def GetPortfolio(self, request: GetPortfolioRequest, _: object) -> Portfolio:
        """Everything the caller owns, at present prices; USER_NOT_FOUND."""
        owned = [found.account for found in await self._store.all_of(current_call().subject)]
        if not owned:
            raise user_not_found()
        held = [
            account.key.asset_id
            for account in owned
            if account.posted and account.key.asset_id != USD
        ]
        return portfolio(owned, await self._quotes.of(held))
