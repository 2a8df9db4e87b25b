"""The manifest's settings: a wrong value is named before a session or a device meets it."""

from dataclasses import replace

import pytest

from drivers.kit.contract import Option
from drivers.kit.template.driver import DRIVER

OPTIONS = (
    Option("period", 5.0, "seconds"),
    Option("count", 3, "how many"),
    Option("strict", False, "no choices given"),
    Option("framing", "serial", "how", ("serial", "udp")),
    Option("codes", {}, "what only the driver can judge"),
)
DRIVEN = replace(DRIVER, options=OPTIONS)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("strict", "yes", "strict = 'yes': one of False, True"),
        ("framing", "tcp", "framing = 'tcp': one of serial, udp"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_what_can(name, value, reason):
    with pytest.raises(ValueError, match=f"^{reason}$"):
        DRIVEN.settings({name: value})


def test_an_option_that_is_none_is_named_with_those_there_are():
    with pytest.raises(KeyError, match="colour: driver acme_line knows only period, count, "):
        DRIVEN.settings({"colour": "red"})


def test_what_is_not_given_is_as_it_is_by_default():
    settings = DRIVEN.settings({"period": 2, "codes": {"1": "art_map"}})
    assert settings["period"] == 2
    assert settings["codes"] == {"1": "art_map"}
    assert (settings["count"], settings["strict"], settings["delay"]) == (3, False, 0.0)
