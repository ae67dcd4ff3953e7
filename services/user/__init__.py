"""The user service: profiles, the ledger, and what customers own."""
