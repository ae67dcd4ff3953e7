"""The `mesh` command: a supervisor that runs the whole mesh on one machine, and the audit.

May import all of `mesh`; nothing imports it. Start reading at `main`, then `supervisor`
and `audit_rules`.
"""
