"""Enforces the contract's field rules: every violation at once, named by its JSON path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from mesh.contract.rules import DecimalRule, FieldRule, Format, IntegerRule, field_rules
from mesh.runtime.decimals import is_plain_decimal, scale_of
from mesh.runtime.errors import Violation, invalid

Check = Callable[[Any], str | None]
"""Answers what is wrong with a value, or None."""

_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _past_date(text: str) -> bool:
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return False
    return day is not None and date(1900, 1, 1) <= day <= datetime.now(UTC).date()


_FORMATS: dict[Format, tuple[Callable[[str], object], str]] = {
    Format.EMAIL: (_EMAIL.fullmatch, "must be an e-mail address"),
    Format.PAST_DATE: (_past_date, "must be a day not in the future, written YYYY-MM-DD"),
    Format.PHONE: (_PHONE.fullmatch, "must be a phone number like +4915112345678"),
    Format.ID: (_ID.fullmatch, "must be an id: a lower-case UUID"),
}


def _decimal_check(rule: DecimalRule) -> Check:
    def check(text: str) -> str | None:
        if not is_plain_decimal(text):
            return 'must be a plain decimal number like "12.50" of at most 40 characters'
        value = Decimal(text)
        if scale_of(value) > rule.max_scale:
            return f"must have at most {rule.max_scale} decimal places"
        if rule.positive and not value:
            return "must be above zero"
        if rule.min is not None and value < rule.min:
            return f"must be at least {rule.min:f}"
        if rule.max is not None and value > rule.max:
            return f"must be at most {rule.max:f}"
        return None

    return check


def _integer_check(rule: IntegerRule) -> Check:
    text = f"must be from {rule.min} to {rule.max}"
    return lambda value: None if rule.min <= value <= rule.max else text


def _text_check(rule: FieldRule) -> Check:
    matches, format_text = _FORMATS.get(rule.format, (None, ""))

    def check(text: str) -> str | None:
        if rule.max_length and len(text) > rule.max_length:
            return f"must have at most {rule.max_length} characters"
        if len(text) < rule.min_length:
            return f"must have at least {rule.min_length} characters"
        if rule.pattern and not rule.pattern.fullmatch(text):
            return f"must match {rule.pattern.pattern}"
        if matches and not matches(text):
            return format_text
        if not rule.secret and _CONTROL.search(text):
            return "must not have control characters"
        return None

    return check


def _value_check(rule: FieldRule) -> Check | None:
    """The check of one value that is present; None when its type has no rules."""
    if rule.decimal:
        return _decimal_check(rule.decimal)
    if rule.integer:
        return _integer_check(rule.integer)
    if rule.enum_values is not None:
        known = rule.enum_values
        return lambda number: None if number in known else "must be one of the known values"
    return _text_check(rule) if rule.text else None


class _Field:
    """One field's rules, compiled."""

    __slots__ = ("_check", "_message", "_rule")

    def __init__(self, rule: FieldRule) -> None:
        self._rule = rule
        self._check = _value_check(rule)
        self._message = rule.message

    def violations(self, request: Message, path: str) -> Iterator[Violation]:
        rule, name = self._rule, path + self._rule.json_name
        value = getattr(request, rule.name)
        if rule.repeated:
            yield from self._of_list(value, name)
        elif not (request.HasField(rule.name) if rule.presence else value):
            if rule.required:
                yield Violation(name, "is required")
        else:
            yield from self._of_value(value, name)

    def _of_list(self, values: Sequence[Any], name: str) -> Iterator[Violation]:
        rule = self._rule
        if len(values) < rule.min_items:
            yield Violation(name, f"must have at least {rule.min_items} items")
        if rule.max_items and len(values) > rule.max_items:
            yield Violation(name, f"must have at most {rule.max_items} items")
            return
        for index, value in enumerate(values):
            yield from self._of_value(value, f"{name}[{index}]")

    def _of_value(self, value: Any, name: str) -> Iterator[Violation]:
        if self._message is not None:
            for field in _fields(self._message):
                yield from field.violations(value, name + ".")
        elif self._check and (problem := self._check(value)):
            yield Violation(name, problem)


@cache
def _fields(message: Descriptor) -> tuple[_Field, ...]:
    return tuple(_Field(rule) for rule in field_rules(message))


def validator(message: Descriptor) -> Callable[[Message], None]:
    """Compiles a message's rules into a function that raises `CallError` when any is broken."""
    fields = _fields(message)

    def validate(request: Message) -> None:
        violations = [found for field in fields for found in field.violations(request, "")]
        if violations:
            raise invalid(*violations)

    return validate
