"""What the auth service counts beyond its calls."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

logins = Counter("auth_logins_total", "Logins, by outcome.", ("outcome",))
refreshes = Counter("auth_refreshes_total", "Uses of refresh tokens, by outcome.", ("outcome",))
registrations_swept = Counter(
    "auth_registrations_swept_total", "Pending registrations tried again, by outcome.", ("outcome",)
)
passwords_waiting = Gauge("auth_passwords", "Passwords being worked on or waiting for it.")
