"""Broker settings: wrong ones are said clearly, secrets are never shown."""

import pytest
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


def test_without_tls_there_is_no_context():
    assert BrokerSettings().tls_context() is None


@pytest.mark.parametrize(
    "wrong",
    [{"port": 0}, {"protocol": "3.1"}, {"password_file": "p"}, {"tls_key": "k"}, {"hots": "x"}],
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        BrokerSettings(**wrong)
