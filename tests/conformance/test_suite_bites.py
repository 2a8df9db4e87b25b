"""The conformance suite itself: drivers that break one promise fail the check for it."""

from dataclasses import replace

import echo_driver
import pytest

from drivers.kit import conformance
from drivers.kit.contract import Message, Option, Problem, Send


class Splitless(echo_driver.EchoSession):
    """Takes every read for a whole line."""

    def feed(self, data, now):
        self.lines = echo_driver.Lines()
        return super().feed(data, now)


class Trusting(echo_driver.EchoSession):
    """Passes over broken lines without a word."""

    def feed(self, data, now):
        return [e for e in super().feed(data, now) if isinstance(e, Message)]


class Controlling(echo_driver.EchoSession):
    """Starts the pump."""

    def connected(self, now):
        return [Send(b"START\r")]


class Spinning(echo_driver.EchoSession):
    """Wants to be woken for a time that never passes."""

    def wake(self, now):
        self.next = now
        return []

    def connected(self, now):
        self.next = now
        return []


class Deaf(echo_driver.EchoSession):
    """Hears nothing any more after the first broken line."""

    broken = False

    def feed(self, data, now):
        for effect in super().feed(data, now):
            self.broken = self.broken or isinstance(effect, Problem)
            if not (self.broken and isinstance(effect, Message)):
                yield effect


class Inventing(echo_driver.EchoDevice):
    """Sends a pressure that nobody played."""

    def wake(self, now):
        self.next = now + self.period
        yield echo_driver.line("MAP 250")


class Raising(echo_driver.EchoSession):
    def feed(self, data, now):
        data.decode("ascii")
        return super().feed(data, now)


@pytest.mark.parametrize(
    ("check", "broken", "reason"),
    [
        ("check_splitting", {"session": Splitless}, "one byte at a time gives other rows"),
        ("check_corrupted_chunk", {"session": Trusting}, "went unreported"),
        ("check_clean", {"session": Controlling}, "which may_send refuses"),
        ("check_clean", {"session": Spinning}, "no progress in time"),
        ("check_corrupted_chunk", {"session": Deaf}, "no rows after damage"),
        ("check_clean", {"simulator": Inventing}, "a value that nobody played"),
        ("check_may_send", {"may_send": lambda _data: True}, "may_send allows b''"),
        (
            "check_passive",
            {"options": (*echo_driver.DRIVER.options, Option("passive", False, "a tap"))},
            "passive, and yet it sends",
        ),
        ("check_manifest", {"sources": " "}, "must say something"),
        (
            "check_manifest",
            {"options": (Option("delay", 1, ""),)},
            "every simulator has: {'delay'}",
        ),
    ],
)
def test_broken_promise_is_found(check, broken, reason):
    driver = replace(echo_driver.DRIVER, **broken)
    with pytest.raises(AssertionError, match=reason):
        getattr(conformance, check)(driver)


def test_driver_that_raises_on_noise_is_found():
    driver = replace(echo_driver.DRIVER, session=Raising)
    with pytest.raises(UnicodeDecodeError):
        conformance.check_flood(driver)
