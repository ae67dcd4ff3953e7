"""Names of a service's instances: `order`, then `order-2`, `order-3` and so on."""

from __future__ import annotations


def instances(service: str, count: int) -> list[str]:
    """The names of so many instances of a service."""
    return [service, *(f"{service}-{number}" for number in range(2, count + 1))]


def service_of(name: str) -> str:
    """The service that an instance is one of; other processes are their own."""
    return name.partition("-")[0]


def number_of(name: str) -> int:
    """Which of its service's instances it is, from 1 on."""
    return int(name.partition("-")[2] or 1)
