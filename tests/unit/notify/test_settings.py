"""Broker settings: wrong ones are said clearly, secrets are never shown."""

import os
import pty
import select
import signal
import sys
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from monitor_daemon.core.errors import ConfigError
from monitor_daemon.notify.settings import BrokerSettings


def test_the_password_is_the_first_line_of_its_file(tmp_path):
    path = tmp_path / "password"
    path.write_text("s3cret\nnever mind\n")
    settings = BrokerSettings(username="u", password_file=path)
    assert settings.password() == "s3cret"
    assert "s3cret" not in repr(settings)


def test_an_unreadable_password_file_is_named(tmp_path):
    settings = BrokerSettings(username="u", password_file=tmp_path / "none")
    with pytest.raises(ConfigError, match=r"broker.password_file .*/none: No such file"):
        settings.password()


def test_an_unusable_certificate_is_named(tmp_path):
    path = tmp_path / "ca.pem"
    path.write_text("not a certificate")
    with pytest.raises(ConfigError, match=r"broker TLS files .*/ca\.pem"):
        BrokerSettings(tls_ca=path).tls_context()


def test_nobody_is_asked_for_the_password_of_a_key_on_a_terminal(tmp_path):
    """OpenSSL asks on the terminal of its process, and would hold a daemon up for ever."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "monitor-daemon")])
    day = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, day, day.replace(year=2036))
    (tmp_path / "cert.pem").write_bytes(made.sign(key, SHA256()).public_bytes(Encoding.PEM))
    locked = BestAvailableEncryption(b"secret")
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    asked = f"""
from pathlib import Path
from monitor_daemon.notify.settings import BrokerSettings
here = Path({str(tmp_path)!r})
BrokerSettings(tls_cert=here / "cert.pem", tls_key=here / "key.pem").tls_context()
"""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", asked])  # noqa: S606
    said = b""
    try:
        while b"broker TLS files" not in said:
            assert select.select([terminal], [], [], 20)[0], said
            said += os.read(terminal, 4096)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)
    assert b"pass phrase" not in said


def test_without_tls_there_is_no_context():
    assert BrokerSettings().tls_context() is None


@pytest.mark.parametrize(
    "wrong",
    [{"port": 0}, {"protocol": "3.1"}, {"password_file": "p"}, {"tls_key": "k"}, {"hots": "x"}],
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        BrokerSettings(**wrong)
