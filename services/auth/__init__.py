"""The auth service: credentials, passwords, access and refresh tokens.

Start at `domain.py` for the rules, `service/` for the handlers, `store/` for the SQL.
"""
