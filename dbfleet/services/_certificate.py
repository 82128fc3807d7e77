"""A certificate for nginx that is signed by itself, for a first start: `python -m dbfleet.services._certificate
FOLDER`.

Rule: a pair that somebody else put there is never touched. Ours is made where there is none, and anew a month before it
ends. It runs in a process of its own: cryptography brings an OpenSSL (see values.digest_rows).
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

NAME: Final = "dbfleet, signed by itself"
_DAYS: Final = 397  # browsers take no longer one
_RENEWED_DAYS: Final = 30


def make(folder: Path) -> bool:
    """Make certificate.pem and key.pem in `folder` where they are missing, or ours ends soon; whether they were
    made."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    now = datetime.now(UTC)
    if certificate_file.exists() and key_file.exists():
        there = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        ours = [each.value for each in there.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)] == [NAME]
        if not ours or there.not_valid_after_utc - now > timedelta(days=_RENEWED_DAYS):
            return False
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    hosts = {"localhost", socket.gethostname()}
    addresses = [x509.IPAddress(ipaddress.ip_address(each)) for each in ("127.0.0.1", "::1")]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName([*map(x509.DNSName, sorted(hosts)), *addresses]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(key_file, secret, 0o600)
    _write(certificate_file, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return True


def _write(file: Path, content: bytes, mode: int) -> None:
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as out:
            out.write(content)
        os.replace(fresh, file)
    finally:
        fresh.unlink(missing_ok=True)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
