"""The ledger's rules. Pure: no I/O, no clock. Amounts are atomic units, costs are cents."""
