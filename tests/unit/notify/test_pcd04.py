"""Which alerts go to an alarm manager, in which phase and under which ids, through a real ward."""

from zoneinfo import ZoneInfo

import pytest
from notify_scenario import SITE, ZERO, Bedside
from pydantic import ValidationError

from monitor_daemon import config
from monitor_daemon.core.decisions import Alert
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.people import Acknowledge, Enrol, Range, Snooze, Void
from monitor_daemon.hl7.er7 import read
from monitor_daemon.hl7.ora_r41 import AlertStatus
from monitor_daemon.journal.journal import Journal
from monitor_daemon.journal.rows import ALARM_MANAGER, InputRow, OutboxRow
from monitor_daemon.journal.schema import MIGRATIONS, open_store
from monitor_daemon.notify.messages import Composer
from monitor_daemon.notify.pcd04_receipts import Receipts
from monitor_daemon.notify.pcd04_reports import Reports
from monitor_daemon.notify.pcd04_settings import AlarmManagerSettings

TOKYO = ZoneInfo("Asia/Tokyo")


def reports(language="en", **settings):
    given = AlarmManagerSettings(connect="alarms.example.org:2575", **settings)
    return Reports(given, SITE, TOKYO, language)


class Report:
    """A message as an alarm manager reads it; `state` are the facets 3 to 7."""

    def __init__(self, payload):
        segments = read(payload).segments
        self.control_id = segments[0][10]
        self.patient = segments[1][3].split("^")[0]
        self.bed = segments[2][3].split("^")[2]
        request = next(s for s in segments if s[0] == "OBR")
        self.id = request[3].split("^")[0]
        self.at = request[7]
        self.parent = request[29].split("^")[1].split("&")[0] if len(request) > 29 else None
        rows = {
            s[4].rsplit(".", 1)[1]: s for s in segments if s[2:3] == ["CWE"] or s[2:3] == ["ST"]
        }
        self.state = [rows[n][5] for n in "34567"]
        self.phase = self.state[0]
        self.text = rows["1"][5].split("^")[8]
        self.values = [s for s in segments if s[2:3] == ["NM"]]


class Reported(Bedside):
    """A bedside whose alerts go to an alarm manager."""

    def __init__(self, made=None, **more):
        super().__init__(**more)
        self.composer = Composer(SITE, "en", None, (made or reports()).row)

    def reports(self):
        return [Report(row.payload) for row in self.rows if row.topic == ALARM_MANAGER]


def low(made=None):
    """Achieved at 65, then MAP 58 from minute 20 on: MAP_LOW (attention) from minute 33."""
    bedside = Reported(made)
    bedside.run(-15, 0, 67.0)
    bedside.enrol()
    bedside.run(0, 20, 67.0)
    bedside.run(20, 40, 58.0)
    return bedside


def test_an_alert_from_its_start_to_its_end_has_one_parent():
    bedside = low()
    bedside.run(40, 64, 58.0)
    bedside.step(64, Acknowledge("S1", "MAP_LOW", "nurse-7"))
    bedside.run(64, 80, 67.0)
    found = bedside.reports()
    assert [(r.phase, r.state[1], r.state[2]) for r in found] == [
        ("start", "active", "enabled"),
        ("escalate", "active", "enabled"),
        ("continue", "active", "alert-acknowledged"),
        ("end", "inactive", "enabled"),
    ]
    events = bedside.events(kind="MAP_LOW")
    assert [r.control_id for r in found] == [e["event_id"] for e in events]
    assert [r.parent for r in found] == [None, *[found[0].id] * 3]
    assert len({r.id for r in found}) == 4
    assert [r.text for r in found] == [e["text"] for e in events]
    assert {(r.patient, r.bed) for r in found} == {("S1", "b1")}


def test_it_is_an_advisory_of_low_or_medium_priority_in_the_time_of_the_site():
    (start,) = low().reports()
    assert start.state[3:] == ["PL", "SA"]
    # ZERO is 1,740,000,000 s, 2025-02-19T21:20Z; 33 minutes later it is 06:53 in Tokyo.
    assert start.at == "20250220065300+0900"
    (value,) = start.values
    assert (value[5], value[14]) == ("58.0", "20250220065300+0900")


@pytest.mark.parametrize(("settings", "priority"), [({}, "PM"), ({"urgent_priority": "PH"}, "PH")])
def test_an_urgent_alert_is_medium_unless_the_site_says_high(settings, priority):
    bedside = Reported(reports(**settings))
    bedside.run(-15, 0, 67.0)
    bedside.enrol()
    bedside.run(0, 20, 67.0)
    bedside.run(20, 24, 38.0)
    urgent = [e["event_id"] for e in bedside.events(transition="raised", **{"class": "urgent"})]
    found = {r.control_id: r.state[3:] for r in bedside.reports()}
    assert urgent
    assert all(found[event] == [priority, "SA"] for event in urgent)


def test_snoozed_is_audio_paused_and_voided_is_an_end():
    bedside = low()
    bedside.step(40, Snooze("S1", "MAP_LOW", 20.0, "nurse-7", "line change"))
    bedside.step(45, Void("S1", "MAP_LOW", "physician-2", "transducer on the floor"))
    _, snoozed, voided = bedside.reports()
    assert (snoozed.phase, snoozed.state[2]) == ("continue", "audio-paused")
    assert (voided.phase, voided.state[1]) == ("end", "inactive")


def test_only_the_classes_that_the_site_names_go_out():
    assert low(reports(classes=("urgent",))).reports() == []


def alert(**more):
    given = {
        "event_id": "abc-1", "alert_id": "abc", "subject": "S1", "bed": "b1", "name": "MAP_GAP",
        "clause": "5.1", "level": "info", "transition": "raised", "reason": "MAP_GAP",
        "condition_since": ZERO, "raised_at": ZERO, "at": ZERO, "protocol": "personalise",
        "version": "1", "params_hash": "0" * 16,
    }  # fmt: skip
    return Alert(**given | more)


def test_an_info_alert_that_becomes_attention_starts_then():
    grown = alert(event_id="abc-2", level="attention", transition="escalated")
    assert reports().row(alert()) is None
    first = Report(reports().row(grown).payload)
    assert (first.phase, first.parent, first.id) == ("start", None, "abc")
    told = reports(classes=("attention", "info"))
    assert Report(told.row(grown).payload).phase == "escalate"


def test_nobody_answering_is_an_escalation_and_no_start():
    late = alert(event_id="abc-2", level="attention", transition="escalated", reason="escalated")
    assert Report(reports().row(late).payload).phase == "escalate"


def test_what_is_corrected_or_unknown_to_the_profile_stays_here():
    assert reports().row(alert(level="urgent", transition="corrected")) is None


def test_what_stands_is_said_again_under_a_control_id_of_its_own():
    bedside, made = low(), reports()
    now = ZERO + 39 * MINUTE
    ((alert_id, standing),) = made.standing(bedside.ward, now).items()
    again = Report(made.again(standing, now))
    (start,) = bedside.reports()
    assert (again.phase, again.parent, alert_id) == ("continue", start.id, start.id)
    assert again.control_id not in {
        start.control_id,
        Report(made.again(standing, now + 1)).control_id,
    }
    assert again.control_id.startswith(f"{start.id}-")
    # It stands for 16 minutes now, by the pressure of the minute that was judged last.
    assert "58 mmHg" in again.text
    assert again.values[0][14] == "20250220065900+0900"
    bedside.step(40, Acknowledge("S1", "MAP_LOW", "nurse-7"))
    standing = made.standing(bedside.ward, now)[alert_id]
    assert Report(made.again(standing, now)).state[2] == "alert-acknowledged"


def test_an_alert_that_is_not_committed_yet_does_not_stand():
    bedside = low()
    raised = ZERO + 33 * MINUTE
    assert reports().standing(bedside.ward, raised) == {}
    assert len(reports().standing(bedside.ward, raised + 1)) == 1


def test_no_report_names_the_arm_or_more_of_the_patient_than_his_pseudonym():
    bedside = low()
    payloads = [row.payload for row in bedside.rows if row.topic == ALARM_MANAGER]
    assert payloads
    for payload in payloads:
        assert b"vp0" not in payload
        assert read(payload).segments[1][5:] == ["^^^^^^U"]


def test_a_blinded_trial_says_its_own_text_and_nothing_of_the_study_drug():
    bedside = Reported(reports(classes=("urgent", "attention", "info")))
    bedside.run(-15, 0, 67.0)
    bedside.step(
        0,
        Enrol("S1", "b1", "argipressin", "", 60.0, "physician-2"),
        Range("S1", 65.0, 70.0, "physician-2"),
    )
    bedside.run(0, 60, 55.0)
    found = bedside.reports()
    events = {e["event_id"]: e for e in bedside.events()}
    assert found
    assert all(r.text == events[r.control_id]["text"] for r in found)
    assert not [r for r in found if "vasopressin" in r.text]


def test_the_text_is_in_the_language_of_the_site():
    payload = reports("ja").row(alert(level="attention", name="CRT_DUE")).payload
    assert read(payload).segments[0][19] == "ja^Japanese^ISO639"
    assert not Report(payload).text.isascii()


def test_judged_again_it_is_the_same_message():
    first, again = low(), low()
    assert [r.payload for r in first.rows if r.topic == ALARM_MANAGER] == [
        r.payload for r in again.rows if r.topic == ALARM_MANAGER
    ]


# Receipts


class Answered:
    """Receipts for a bedside; what they submit is taken by its ward."""

    def __init__(self, *acknowledge_on):
        self.bedside = low()
        self.minute = 40
        self.receipts = Receipts(lambda: self.bedside.ward, self.submit, acknowledge_on)
        (self.start,) = self.bedside.reports()

    async def submit(self, inputs):
        self.bedside.step(self.minute, *inputs)

    async def told(self, status, person="7731", control_id=None):
        await self.receipts.take(AlertStatus(control_id or self.start.control_id, status, person))

    def acknowledged(self):
        return [e["actor"] for e in self.bedside.events(transition="acknowledged")]


async def test_receipts_are_counted_and_acknowledge_nothing():
    answered = Answered()
    for status in ("delivered", "read", "accepted", "accepted", "rejected"):
        await answered.told(status)
    counts = {"delivered": 1, "read": 1, "accepted": 2, "rejected": 1}
    assert answered.receipts.counts == counts
    assert answered.acknowledged() == []


async def test_a_status_that_the_site_has_named_acknowledges_once():
    answered = Answered("accepted")
    await answered.told("read")
    assert answered.acknowledged() == []
    await answered.told("accepted")
    await answered.told("accepted", "8842")
    assert answered.acknowledged() == ["7731 (alarm manager)"]


async def test_a_status_without_a_usable_person_is_somebodys():
    answered = Answered("read")
    await answered.told("read", "Sato Hanako")
    assert answered.acknowledged() == ["somebody (alarm manager)"]


async def test_a_receipt_of_a_repeat_belongs_to_its_alert():
    answered = Answered("read")
    await answered.told("read", control_id=f"{answered.start.id}-at-123")
    assert answered.receipts.counts == {"read": 1}
    assert len(answered.acknowledged()) == 1


@pytest.mark.parametrize("control_id", ["", "x", "alive-icu1-5", "0" * 20 + "-1"])
async def test_a_receipt_for_somebody_elses_message_is_foreign(control_id):
    answered = Answered("read")
    await answered.receipts.take(AlertStatus(control_id, "read", "7731"))
    assert answered.receipts.counts == {"foreign": 1}
    assert answered.acknowledged() == []


async def test_a_receipt_for_an_alert_that_is_over_changes_nothing():
    answered = Answered("read")
    answered.bedside.run(40, 60, 67.0)
    answered.minute = 60
    await answered.told("read")
    assert answered.receipts.counts == {"read": 1}
    assert answered.acknowledged() == []


# The outbox with two consumers


def journal_row(seq):
    return InputRow(seq, seq, 1000 + seq, b'{"input":"tick","minute":1}', None, None, None, b"x")


def event(number):
    return OutboxRow("monitor/t/events", b"e%d" % number, False, number, number)


def report(number):
    return OutboxRow(ALARM_MANAGER, b"MSH|%d" % number, False, 0, number)


async def test_each_consumer_finds_its_own_rows_and_both_outlive_a_restart(tmp_path):
    path = tmp_path / "journal.db"
    journal = await Journal.open(path)
    await journal.append([journal_row(1)], [event(1), report(2), event(3), report(4), report(5)])
    await journal.sent([1, 2], 5000)
    await journal.refuse(4, "AE")
    await journal.close()
    journal = await Journal.open(path)
    assert await journal.pending(10) == [event(3)]
    assert await journal.reports(10) == [report(5)]
    await journal.close()


async def test_a_journal_of_the_version_before_is_opened_and_goes_on(tmp_path):
    path = tmp_path / "journal.db"
    old = await open_store(path, MIGRATIONS[:1])
    await old.execute("INSERT INTO outbox VALUES (1, 'monitor/t/events', 'e1', 0, 1, NULL, NULL)")
    await old.close()
    journal = await Journal.open(path)
    await journal.append([journal_row(1)], [report(2)])
    assert [row.id for row in await journal.pending(10)] == [1]
    assert await journal.reports(10) == [report(2)]
    await journal.close()


# Settings


GOOD = {"connect": "alarms.example.org:2575"}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"connect": "alarms.example.org"}, "host:port"),
        ({"connect": ":2575"}, "host:port"),
        ({"connect": "a:70000"}, "1 to 65535"),
        ({"sending_application": "A|B"}, "without |"),
        ({"sending_application": "A^B"}, "universal id"),
        ({"classes": []}, "at least 1 item"),
        ({"classes": ["grave"]}, "'urgent', 'attention' or 'info'"),
        ({"urgent_priority": "PX"}, "'PM' or 'PH'"),
        ({"heartbeat_seconds": -1}, "greater than or equal to 0"),
        ({"repeat_seconds": 1}, "greater than or equal to 10"),
        ({"acknowledge_on": ["read"]}, "receipts = true"),
        ({"acknowledge_on": ["delivered"], "receipts": True}, "'read' or 'accepted'"),
        ({"tls_key": "key.pem"}, "tls_cert"),
        ({"port": 1}, "Extra inputs"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_named(wrong, reason):
    with pytest.raises(ValidationError) as caught:
        AlarmManagerSettings.model_validate(GOOD | wrong)
    assert reason in str(caught.value)


def test_by_default_it_is_plain_unnamed_and_never_high_priority():
    settings = AlarmManagerSettings.model_validate(GOOD)
    assert settings.tls_context() is None
    assert settings.address == ("alarms.example.org", 2575)
    assert (settings.urgent_priority, settings.receipts, settings.acknowledge_on) == (
        "PM",
        False,
        (),
    )


def test_a_tls_file_that_cannot_be_used_is_named(tmp_path):
    settings = AlarmManagerSettings(connect="a:1", tls_ca=tmp_path / "no.pem")
    with pytest.raises(ConfigError, match=r"no\.pem.*No such file") as caught:
        settings.tls_context()
    assert caught.value.code == "CONFIG_ALARM_MANAGER"


def test_the_section_of_a_site_configuration_is_read_and_its_files_lie_beside_it(tmp_path):
    text = (
        '[site]\nid = "t"\nzone = "Asia/Tokyo"\n'
        '[store]\ndirectory = "s"\nvault_key_file = "k"\n'
        '[control]\nsocket = "c"\n[[protocols]]\nid = "personalise"\n[[beds]]\nalias = "b1"\n'
        '[alarm_manager]\nconnect = "[::1]:2575"\ntls_ca = "ca.pem"\n'
    )
    path = tmp_path / "site.toml"
    path.write_text(text)
    settings = config.load(path).alarm_manager
    assert settings.tls_ca == tmp_path / "ca.pem"
    assert settings.address == ("::1", 2575)
    path.write_text(text.replace('"[::1]:2575"', '"nowhere"'))
    with pytest.raises(
        ConfigError, match=r'alarm_manager\.connect = "nowhere": expected host:port'
    ):
        config.load(path)
