"""The order service: a durable state machine around stock and ledger.

Start reading at `domain`, then `saga`.
"""
