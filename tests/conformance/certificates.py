"""A small authority for the tests: certificates and keys in PEM files."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from types import SimpleNamespace

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOCAL = "127.0.0.1"


def authority(folder, name="ca"):
    """Files `ca`, and `cert` and `key` that it signed for the loopback address."""
    ca_key, ca_name = ec.generate_private_key(ec.SECP256R1()), _name(f"{name} of the tests")
    ca = _certificate(ca_name, ca_key.public_key(), ca_name, ca_key, authority=True)
    key = ec.generate_private_key(ec.SECP256R1())
    cert = _certificate(_name(LOCAL), key.public_key(), ca_name, ca_key, authority=False)
    files = SimpleNamespace(
        ca=folder / f"{name}.pem", cert=folder / f"{name}-cert.pem", key=folder / f"{name}-key.pem"
    )
    files.ca.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    files.cert.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(subject, public, issuer, key, *, authority):
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(LOCAL))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
