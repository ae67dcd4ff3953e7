"""The local authority: what it issues, keeps and renews."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from mesh.identity import authority
from mesh.identity.authority import Authority
from mesh.identity.names import spiffe_id, workload_of_spiffe_id


def test_a_certificate_names_its_workload_and_is_signed_by_the_authority(tmp_path: Path) -> None:
    made = Authority.open(tmp_path / "ca")
    files = made.issue("order", tmp_path / "order")
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [spiffe_id("order")]
    assert names.get_values_for_type(x509.DNSName) == ["order"]
    certificate.verify_directly_issued_by(made.certificate)
    assert certificate.not_valid_after_utc - datetime.now(UTC) <= authority.CERTIFICATE_LIFETIME


def test_private_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    files = Authority.open(tmp_path / "ca").issue("user", tmp_path / "user")
    for path in (files.key, tmp_path / "ca" / "ca.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_authority_is_kept_and_renewed_in_its_last_month(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Authority.open(tmp_path)
    assert Authority.open(tmp_path).certificate == first.certificate
    monkeypatch.setattr(authority, "CA_LIFETIME", timedelta(days=20))
    (tmp_path / "ca.key").unlink()
    short = Authority.open(tmp_path)
    assert short.certificate != first.certificate
    assert Authority.open(tmp_path).certificate != short.certificate


def test_only_ids_of_this_mesh_name_workloads() -> None:
    assert workload_of_spiffe_id("spiffe://tradewind/edge") == "edge"
    assert workload_of_spiffe_id("spiffe://elsewhere/edge") is None
