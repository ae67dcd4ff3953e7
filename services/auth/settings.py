"""Configuration of the auth service."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from mesh.runtime.settings import ServiceSettings

SECRET_BYTES = 32
DAY_S = 86_400


def read_secret(path: Path) -> bytes:
    """The 256-bit secret in a file, written in base64.

    Raises:
        ValueError: the file cannot be read or holds something else.
    """
    try:
        secret = base64.b64decode(path.read_bytes().strip(), validate=True)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    except binascii.Error as error:
        raise ValueError("must name a file with base64") from error
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"must name a file with {SECRET_BYTES} bytes in base64")
    return secret


def _secret_file(path: Path) -> Path:
    read_secret(path)
    return path


class AuthSettings(ServiceSettings):
    """Settings of passwords and tokens; the service's peer is `user`."""

    key_secret_file: Annotated[Path, AfterValidator(_secret_file)]
    """A file with 32 bytes in base64: the key under which signing keys are stored."""
    access_token_s: int = Field(default=900, ge=1, le=DAY_S)
    """Seconds that an access token is good."""
    refresh_token_s: int = Field(default=30 * DAY_S, ge=1, le=366 * DAY_S)
    """Seconds that a refresh token is good; each use begins them anew."""
    refresh_grace_s: float = Field(default=10, ge=0, le=60)
    """Seconds in which the refresh token just replaced may be used once more."""
    password_workers: int = Field(default=2, ge=1, le=32)
    """Passwords hashed at the same time, each with 19 MiB and one core."""
    password_queue: int = Field(default=200, ge=0, le=10_000)
    """Most calls that may wait for a worker; more are refused. 200 wait some 3 seconds."""
    registration_retry_s: float = Field(default=10, gt=0, le=30)
    """Seconds after which a registration that is still pending is tried again."""
    sweep_interval_s: float = Field(default=2, gt=0, le=30)
    """Seconds between two looks for registrations to complete."""
    prune_interval_s: float = Field(default=600, gt=0, le=DAY_S)
    """Seconds between two removals of expired sessions."""
