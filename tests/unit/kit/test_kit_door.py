"""The keys of a link that say who may connect and how, each mistake by its name."""

import pytest
from pydantic import ValidationError

from monitor_daemon.config import LinkConfig


def link(**keys):
    return LinkConfig.model_validate({"name": "gateway", "driver": "hl7", **keys})


def test_an_open_listener_is_the_default():
    plain = link(listen=":2575")
    assert (plain.secured, plain.allow, plain.max_connections) == (False, (), 512)


@pytest.mark.parametrize(
    "keys",
    [
        {"listen": ":2575", "tls_cert": "a.pem"},
        {"listen": ":2575", "tls_cert": "a.pem", "tls_key": "a.key", "tls_ca": "ca.pem"},
        {"connect": "10.0.0.1:7998", "tls": True},
        {"connect": "10.0.0.1:7998", "tls_ca": "ca.pem", "tls_name": "station"},
    ],
)
def test_every_tls_key_switches_encryption_on(keys):
    assert link(**keys).secured


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"listen": ":2575", "tls": True}, "a listener with tls needs tls_cert"),
        ({"listen": ":2575", "tls_ca": "ca.pem"}, "a listener with tls needs tls_cert"),
        ({"connect": "h:1", "tls_key": "a.key"}, "tls_key without tls_cert"),
        ({"port": "/dev/ttyS0", "tls": True}, "a serial port has none"),
        ({"connect": "h:1", "allow": ["10.0.0.0/8"]}, "allow is for listen only"),
        ({"connect": "h:1", "max_per_peer": 2}, "max_per_peer is for listen only"),
        ({"listen": ":2575", "allow": ["10.0.0.300"]}, "10.0.0.300"),
        ({"listen": ":2575", "allow": ["10.0.0.1/8"]}, "host bits set"),
        ({"listen": ":2575", "max_connections": 0}, "greater than or equal to 1"),
    ],
)
def test_what_does_not_fit_is_named(keys, reason):
    with pytest.raises(ValidationError, match=reason):
        link(**keys)
