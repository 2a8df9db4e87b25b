"""Finding drivers, and reading addresses."""

import pytest

from drivers.kit.links import split_address
from drivers.kit.registry import driver_names, load_driver
from monitor_daemon.core.errors import ConfigError


@pytest.fixture
def announce(tmp_path, monkeypatch):
    def put(name, source):
        module = f"plugin_{name}"
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{module}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(
            f"[monitor_daemon.drivers]\n{name} = {module}:DRIVER\n"
        )
        monkeypatch.syspath_prepend(tmp_path)

    return put


def test_our_own_drivers_are_announced():
    assert {"hl7", "bbraun_space"} <= set(driver_names())


def test_a_driver_that_nobody_announces():
    with pytest.raises(ConfigError, match=r"no driver 'nobody'; there are: .*hl7") as caught:
        load_driver("nobody")
    assert caught.value.code == "UNKNOWN_DRIVER"


@pytest.mark.parametrize(
    ("name", "source", "reason"),
    [
        ("raises", "raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("empty", "", "AttributeError"),
        ("number", "DRIVER = 5", "expected a Driver, found int"),
    ],
)
def test_a_driver_that_does_not_load(announce, name, source, reason):
    announce(name, source)
    assert name in driver_names()
    with pytest.raises(ConfigError, match=rf"driver {name} \(plugin_{name}:DRIVER\): ") as caught:
        load_driver(name)
    assert caught.value.code == "BROKEN_DRIVER"
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("address", "default", "expected"),
    [
        ("10.0.0.5:4001", None, ("10.0.0.5", 4001)),
        ("[::1]:2575", None, ("::1", 2575)),
        ("[::1]", 2575, ("::1", 2575)),
        (":2575", None, ("127.0.0.1", 2575)),
        ("gateway", 2575, ("gateway", 2575)),
    ],
)
def test_addresses(address, default, expected):
    assert split_address(address, default) == expected


@pytest.mark.parametrize("address", ["gateway", "", "a:b", "a:65536", "a:-1", "[::1]"])
def test_addresses_that_cannot_be_read(address):
    with pytest.raises(ConfigError, match="expected host:port"):
        split_address(address)


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".example", "\u00e9" * 80])
def test_a_host_name_that_cannot_be_is_said_before_anything_is_dialled(host):
    """Resolving it would raise no OSError but a UnicodeError."""
    with pytest.raises(ConfigError, match="no host can have this name"):
        split_address(f"{host}:4001")
