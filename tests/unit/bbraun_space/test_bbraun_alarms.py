"""What a pump tells besides its infusion: alarms that stand, events, and what a station refuses."""

import pytest

from drivers.bbraun_space.decode import BccDecoder
from drivers.bbraun_space.frames import encode
from monitor_daemon.core.vocabulary import Alarm


def rows(*records):
    decoder = BccDecoder()
    return [*decoder.feed(encode("ICU7", "\x1e".join(records))), *decoder.finish()]


def pump_rows(parameters):
    return rows(*(f"20,50112,{key},{value}" for key, value in parameters.items()))


def test_alarm_words_and_flags_become_alarm_rows():
    alarms = str(1 | 1 << 3 | 1 << 9 | 1 << 21)
    _, *found = pump_rows({"RUNSTATE": "4", "ALARM1": alarms, "ALARM2": "2", "PREALARM": "2"})
    assert found == [
        Alarm("ALARM1.3", "battery or data (pump 50112)", state="active", bed="ICU7"),
        Alarm("ALARM1.9", "syringe empty (pump 50112)", state="active", bed="ICU7"),
        Alarm("ALARM1.21", "undocumented (pump 50112)", state="active", bed="ICU7"),
        Alarm("ALARM2.1", "data lock (pump 50112)", state="active", bed="ICU7"),
        Alarm(
            "PREALARM.1",
            "disposable not inserted or syringe empty (pump 50112)",
            state="active",
            bed="ICU7",
        ),
    ]
    _, alarm = pump_rows({"INM3": "1", "INA7": "1", "INA10": "_NV", "INA2": "0"})
    assert alarm == Alarm("INA7", "end of volume (pump 50112)", state="active", bed="ICU7")


def test_an_alarm_flag_that_nobody_documented_is_shown():
    _, alarm = pump_rows({"INM3": "1", "INA10": "1"})
    assert alarm == Alarm("INA10", "undocumented (pump 50112)", state="active", bed="ICU7")


# B. Braun BCC 4.0: DISPCHG is stored until it is read, INBOVAL and INBOCNT count since the
# previous request.
def test_a_changed_syringe_and_boluses_are_events():
    _, syringe, bolus = pump_rows(
        {"RUNSTATE": "2", "DISPCHG": "1", "INBOVAL": "0.44", "INBOCNT": "2"}
    )
    assert syringe == Alarm(
        "DISPCHG.1", "disposable changed (pump 50112)", phase="tpoint", bed="ICU7"
    )
    assert bolus == Alarm(
        "INBOCNT.2",
        "bolus, 0.44 mL since the last request (pump 50112)",
        phase="tpoint",
        bed="ICU7",
    )
    assert len(pump_rows({"RUNSTATE": "2", "DISPCHG": "0", "INBOVAL": "0", "INBOCNT": "0"})) == 1
    assert len(pump_rows({"RUNSTATE": "2", "DISPCHG": "_NV", "INBOVAL": "_NV"})) == 1


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("11", "no pump"),
        ("39", "removed"),
        ("68", "checksum"),
        ("811", "address"),
        ("41", "communication"),
        ("51", "topology"),
        ("7", "undocumented"),
    ],
)
def test_refusal_of_the_station_is_an_error_row(code, words):
    [row] = rows(f"21,50100,GNERR,{code}")
    assert row.code == "REFUSED"
    assert f"GNERR {code}" in row.reason
    assert words in row.reason
