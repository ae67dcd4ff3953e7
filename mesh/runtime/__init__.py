"""What a service runs in: server, clients, call context, validation, errors, batching, database.

Services import from here, from the contracts and from themselves; nothing here
knows a service. Start reading at `service` (a process from start to end), then
`server` (what happens around a handler) and `client` (around a call).
"""
