"""The simulated gateway: one message in flight, the same bytes again, one round a period."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import drivers.hl7
from drivers.hl7.driver import DRIVER
from drivers.kit.contract import Message
from drivers.kit.playback import BedState, SimClock
from monitor_daemon.hl7.mllp import framed


class TwoBeds:
    """MAP is 60 + the minute in bed A, 80 in bed B; C is not connected."""

    length = 180.0

    def at(self, elapsed):
        return [
            BedState("ICU^1^A", {"art_map": 60 + elapsed / 60, "art_sys": 100, "spo2": 97.25}, ()),
            BedState("ICU^1^B", {"art_map": 80.0}, ()),
            BedState("ICU^1^C", {}, ()),
        ]


def gateway(speed=60.0, **options):
    clock = SimClock(100.0, datetime(2026, 11, 21, 1, 0, tzinfo=UTC), speed)
    return DRIVER.simulator(DRIVER.settings(options), TwoBeds(), clock)


def dialogue(device, now):
    """Sends what the device says through a session and its answers back, until it is silent."""
    session, messages = DRIVER.session({}), []
    out = list(device.connected(now)) or list(device.wake(now))
    while out:
        [effect] = session.feed(b"".join(out), now)
        assert isinstance(effect, Message)
        messages.append(effect)
        out = list(device.feed(effect.reply, now))
    return messages


def test_one_message_for_each_bed_and_each_period_with_simulated_times():
    device = gateway()
    first = dialogue(device, 100.0)
    readings = [[(row.signal, row.value, row.bed) for row in message.rows] for message in first]
    assert readings == [
        [("art_sys", 100, "ICU^1^A"), ("art_map", 60, "ICU^1^A"), ("spo2", 97.2, "ICU^1^A")],
        [("art_map", 80, "ICU^1^B")],
    ]
    assert {row.device_time for message in first for row in message.rows} == {
        "2026-11-21T01:00:00+00:00"
    }
    assert device.due() == 101.0
    second = dialogue(device, 101.0)
    assert second[0].rows[1].value == 61
    assert second[0].sent_at == "2026-11-21T01:01:00+00:00"


def test_the_same_bytes_again_until_they_are_acknowledged():
    device = gateway(resend=5.0)
    [sent] = device.connected(100.0)
    assert device.due() == 105.0
    assert list(device.wake(104.9)) == []
    assert list(device.wake(105.0)) == [sent]
    control_id = sent.split(b"|")[9]
    wrong = framed(b"MSH|^~\\&|||||20261121||ACK|1|P|2.6\rMSA|CA|other\r")
    right = framed(b"MSH|^~\\&|||||20261121||ACK|1|P|2.6\rMSA|CA|" + control_id + b"\r")
    assert list(device.feed(b"junk" + wrong, 105.1)) == []
    [following] = [data for half in (right[:9], right[9:]) for data in device.feed(half, 105.2)]
    assert b"ICU^1^B" in following


def test_a_refused_message_is_not_repeated():
    device = gateway()
    [sent] = device.connected(100.0)
    refusal = b"MSH|^~\\&|||||20261121||ACK|1|P|2.6\rMSA|CR|" + sent.split(b"|")[9] + b"\r"
    [following] = device.feed(framed(refusal), 100.1)
    assert following != sent
    assert device.refused == 1


def test_a_new_connection_repeats_what_was_in_flight_and_skips_what_was_missed():
    device = gateway()
    [sent] = device.connected(100.0)
    assert list(device.connected(102.0)) == [sent]
    messages = dialogue(device, 102.0)
    times = [message.sent_at for message in messages]
    assert times == ["2026-11-21T01:00:00+00:00"] * 2 + ["2026-11-21T01:02:00+00:00"] * 2


def test_the_play_ends():
    device = gateway()
    for now in (100.0, 101.0, 102.0, 103.0):
        assert len(dialogue(device, now)) == 2
    assert device.due() is None


def test_the_sample_configuration_and_the_manual_name_every_option():
    folder = Path(drivers.hl7.__file__).parent
    [link] = tomllib.loads((folder / "sample.toml").read_text())["links"]
    assert link["driver"] == DRIVER.name
    DRIVER.session(link["options"])
    manual = (folder / "README.md").read_text()
    assert all(f"`{option.name}`" in manual for option in DRIVER.options)
    for code in ("JUNK", "TRUNCATED", "TOO_LONG", "EMPTY", "HEADER", "MESSAGE_TYPE", "CHARSET",
                 "TIME", "PROCESSING_ID"):  # fmt: skip
        assert f"`HL7_{code}`" in manual
