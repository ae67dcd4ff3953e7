"""Profiles: read and changed by their owner, created for the auth service."""

from __future__ import annotations

from tradewind.api.v1.reason_pb2 import Reason
from tradewind.user.v1.user_pb2 import (
    CreateUserRequest,
    GetProfileRequest,
    UpdateProfileRequest,
    User,
)
from tradewind.user.v1.user_pb2_grpc import ProvisioningServiceServicer, UserServiceServicer

from mesh.runtime.context import current_call
from mesh.runtime.errors import CallError, Violation, invalid
from mesh.runtime.times import timestamp
from services.user.service.views import user_not_found
from services.user.store.users import Profile, StoredUser, UserStore

_JSON_NAMES = {
    field.name: field.json_name
    for field in UpdateProfileRequest.DESCRIPTOR.fields
    if field.name != "update_mask"
}
_BY_ANY_NAME = {name: name for name in _JSON_NAMES} | {
    json: name for name, json in _JSON_NAMES.items()
}
_NEVER_EMPTY = frozenset({"first_name", "last_name"})


def _message(user: StoredUser) -> User:
    profile = user.profile
    return User(
        user_id=profile.user_id,
        username=profile.username,
        email=profile.email,
        first_name=profile.first_name,
        last_name=profile.last_name,
        phone=profile.phone,
        date_of_birth=profile.date_of_birth,
        marketing_emails_consent=profile.marketing_emails_consent,
        create_time=timestamp(user.created_at),
        update_time=timestamp(user.updated_at),
    )


def changes_of(request: UpdateProfileRequest) -> dict[str, str | bool]:
    """The columns an update changes: those in the mask, or without one those that are set.

    Raises:
        CallError: the mask names no field of the profile, or a name is emptied.
    """
    unknown = [path for path in request.update_mask.paths if path not in _BY_ANY_NAME]
    if unknown:
        raise invalid(Violation("updateMask", "may only name fields of the profile"))
    named = {_BY_ANY_NAME[path] for path in request.update_mask.paths}
    if not named:
        named = {field.name for field, _ in request.ListFields()} & _JSON_NAMES.keys()
    changes: dict[str, str | bool] = {name: getattr(request, name) for name in sorted(named)}
    emptied = [
        Violation(_JSON_NAMES[name], "cannot be emptied")
        for name in sorted(_NEVER_EMPTY & named)
        if not str(changes[name]).strip()
    ]
    if emptied:
        raise invalid(*emptied)
    return changes


class UserService(UserServiceServicer):
    """Handlers of `UserService`."""

    def __init__(self, store: UserStore) -> None:
        self._store = store

    async def GetProfile(self, request: GetProfileRequest, _: object) -> User:
        """The caller's profile; USER_NOT_FOUND."""
        user = await self._store.find(current_call().subject)
        if user is None:
            raise user_not_found()
        return _message(user)

    async def UpdateProfile(self, request: UpdateProfileRequest, _: object) -> User:
        """Changes the caller's profile; FIELD_INVALID, USER_NOT_FOUND."""
        changes = changes_of(request)
        subject = current_call().subject
        # Without a change there is nothing to write, and the time stays.
        changed = self._store.change(subject, changes) if changes else self._store.find(subject)
        user = await changed
        if user is None:
            raise user_not_found()
        return _message(user)


class ProvisioningService(ProvisioningServiceServicer):
    """Handlers of `ProvisioningService`."""

    def __init__(self, store: UserStore) -> None:
        self._store = store

    async def CreateUser(self, request: CreateUserRequest, _: object) -> User:
        """Creates a user under the given id, once; REQUEST_ID_REUSED for other content."""
        user = await self._store.create(
            Profile(
                user_id=request.user_id,
                username=request.username,
                email=request.email,
                first_name=request.first_name,
                last_name=request.last_name,
                phone=request.phone,
                date_of_birth=request.date_of_birth,
                marketing_emails_consent=request.marketing_emails_consent,
            )
        )
        if user is None:
            raise CallError(Reason.REQUEST_ID_REUSED, "The user id was used for another user.")
        return _message(user)
