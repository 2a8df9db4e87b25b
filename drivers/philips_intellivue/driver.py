"""The manifest of the Philips IntelliVue driver: what it needs, promises and may say."""

import re
from collections.abc import Mapping
from typing import Any, Final

from drivers.kit.contract import Driver, Option, Transport
from drivers.kit.playback import Play, SimClock
from drivers.philips_intellivue.association import RELEASE_REQUEST, REQUEST
from drivers.philips_intellivue.codes import MODES
from drivers.philips_intellivue.decode import PhilipsDecoder
from drivers.philips_intellivue.export import is_mds_create_result, queried
from drivers.philips_intellivue.frames import BOF, Frame, encode, parse
from drivers.philips_intellivue.session import PhilipsSession
from drivers.philips_intellivue.simulated_numerics import LANGUAGES
from drivers.philips_intellivue.simulator import Monitor
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.vocabulary import SIGNAL_UNITS

#: What a simulated monitor can be told in numbers: whole ones, unless the limits are not. The
#: shortest message that can be agreed upon has 300 bytes (Programming Guide H.0).
_SIMULATED: Final[Mapping[str, tuple[float, float]]] = {
    "state": (0, 0xFFFF),
    "alarm": (0, 0xFFFF),
    "mtu": (300, 0xFFFF),
    "refuse": (0, 1000),
    "refuse_polls": (0, 1000),
    "period": (0.1, 86400.0),
}
_PHYSIO_ID: Final = re.compile("[0-9A-Fa-f]{4}")


def may_send(data: bytes) -> bool:
    """Whether `data` is one message that only reads or ends, alone or in one serial frame.

    These are the association request, the answer to the MDS create event, the listed polls and the
    release request.
    """
    payload = data
    if data.startswith(BOF):
        frame = parse(data)
        if not isinstance(frame, Frame) or encode(frame.payload) != data:
            return False
        payload = frame.payload
    return (
        payload in {REQUEST, RELEASE_REQUEST}
        or queried(payload) is not None
        or is_mds_create_result(payload)
    )


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """All options, `codes` by number. Raises ConfigError for one that cannot be."""
    settings = DRIVER.settings(given)
    if not isinstance(settings["codes"], Mapping):
        raise ConfigError(f"codes = {settings['codes']!r}: a table of id in hexadecimal = signal")
    codes: dict[int, str] = {}
    for name, signal in settings["codes"].items():
        if not _PHYSIO_ID.fullmatch(str(name)) or signal not in SIGNAL_UNITS:
            known = ", ".join(SIGNAL_UNITS)
            raise ConfigError(
                f"codes: {name!r} = {signal!r}: four hexadecimal digits = one of {known}"
            )
        codes[int(name, 16)] = signal
    return settings | {"codes": codes}


def _decoder(mode: str, options: Mapping[str, Any]) -> PhilipsDecoder:
    return PhilipsDecoder("udp" if mode == "udp" else "serial", _settings(options)["codes"])


def _session(options: Mapping[str, Any]) -> PhilipsSession:
    settings = _settings(options)
    return PhilipsSession(settings["framing"], settings["codes"], passive=settings["passive"])


def _simulator(options: Mapping[str, Any], play: Play, clock: SimClock) -> Monitor:
    settings = DRIVER.settings(options)
    for name, (least, most) in _SIMULATED.items():
        value = settings[name]
        if type(value) not in {int, type(least)} or not least <= value <= most:
            raise ConfigError(f"{name} = {value!r}: a number from {least} to {most}")
    return Monitor(settings, play, clock)


DRIVER: Final = Driver(
    name="philips_intellivue",
    title="Philips IntelliVue patient monitors (Data Export)",
    transports=(Transport.SERIAL, Transport.UDP),
    modes=("serial", "udp"),
    expected_period=1.024,
    promises=(
        "All numerics once a second, each told by its physiological id, with the monitor's own "
        "validity and clock; its alarms. Only the association and release requests, the answer "
        "to the MDS create event and five polls are ever sent."
    ),
    sources=(
        "Philips IntelliVue Data Export Interface Programming Guide, release H.0 (2013), confirmed "
        "on published captures of an MP70 and of others over serial and UDP and by independent "
        "open drivers. Not yet tried on hardware by us."
    ),
    may_send=may_send,
    decoder=_decoder,
    session=_session,
    simulator=_simulator,
    options=(
        Option("framing", "serial", "the UDP link sets udp", ("serial", "udp")),
        Option("passive", False, "only listen: a tap on somebody else's line", (True, False)),
        Option("codes", {}, "this site's own: {'physiological id in hex': signal}"),
        Option("bed", "", "simulator: the bed of the play; empty is the first"),
        Option("line", "ABP", "simulator: the label of the arterial line", ("ABP", "ART")),
        Option("language", "en", "simulator: language of the labels", LANGUAGES),
        Option("state", 0, "simulator: measurement state of the arterial line, e.g. 32768"),
        Option("alarm", 0, "simulator: code of an alarm that stands for the line, e.g. 352"),
        Option("operating_mode", "monitoring", "simulator: as named", tuple(MODES.values())),
        Option(
            "twin", False, "simulator: the line a second time, in another context", (True, False)
        ),
        Option("mtu", 1000, "simulator: largest message; 300 gives linked results"),
        Option("refuse", 0, "simulator: refuses the first n association requests"),
        Option("refuse_polls", 0, "simulator: refuses the first n polls"),
        Option("period", 1.024, "simulator: simulated seconds between two results"),
    ),
    serial={"baudrate": 115200, "byte_size": 8, "parity": "N", "stopbits": 1},
    port=24105,
)
