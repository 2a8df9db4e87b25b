"""`replay`: a journal that the engine wrote, under the rules of another file.

The record is table R4-b of the protocol reference twice over: MAP 66, from minute 60 on higher,
from minute 110 on 67, norepinephrine all the time, target 65. In bed B1 the higher value is 71, as
in the table; in B2 it is 69, between target + 2 and target + 5. MAP5 is the median of five minutes,
so it follows a step after 3; with a sustain of 15 minutes MAP_HIGH comes at 60 + 3 + 15 = T+78.
"""

import asyncio
import json
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from monitor_daemon import resources
from monitor_daemon.adherence.rejudge import _changes, _Span
from monitor_daemon.cli.main import app
from monitor_daemon.clock import EngineClock
from monitor_daemon.core.events import MINUTE, Configured, Data, Flow, Sample, Tick
from monitor_daemon.core.people import End, Enrol, Randomise, Screen
from monitor_daemon.engine.engine import Engine
from monitor_daemon.journal.journal import Journal
from monitor_daemon.vault.vault import Vault

#: Randomisation: 2026-09-21T14:13:00Z, a whole minute.
ZERO = 29_833_333 * MINUTE
T78 = "2026-09-21T15:31:00.000Z"
T83 = "2026-09-21T15:36:00.000Z"
PERSONALISE = resources.text("protocols/personalise.toml")
RECORDED = "personalise@2026-01-22.1"
DRAFT = PERSONALISE.replace('version = "2026-01-22.1"', 'version = "draft"')


class HandClock(EngineClock):
    """Engine time that moves only when the test says so; `at` in ms."""

    at = ZERO - 16 * MINUTE

    def now(self):
        return self.at


class NobodyListens:
    """A site without a broker."""

    def publications(self, ward, inputs, decisions, now, next_sequence):
        return []


def minute_of(t):
    """What the devices of both beds say in minute `t`."""
    for bed, high in (("B1", 71.0), ("B2", 69.0)):
        mean = 66.0 if t < 60 else high if t < 110 else 67.0
        flow = Flow("A", "running", 4.8, "norepinephrine", 60.0, "ug/mL")  # 0.08 ug/kg/min
        yield Data("monitors", bed, (Sample("art_map", mean, "good"),))
        yield Data("pumps", bed, flows=(flow,))


PEOPLE = {
    -5: [Screen("S2", "B2", "personalise", "nurse", weight_kg=60.0)],
    0: [
        Enrol("S1", "B1", "personalise", "usual_vp01x", 60.0, "nurse"),  # refused: no such arm
        Enrol("S1", "B1", "personalise", "usual_vp03", 60.0, "nurse", randomised=ZERO, floor=55.0),
        Randomise("S2", "nurse", "usual_vp01", randomised=ZERO),
    ],
}


async def make_record(folder):
    clock = HandClock()
    journal = await Journal.open(folder / "journal.db")
    vault = await Vault.open(folder / "vault.db", bytes(range(32)))
    engine = Engine(
        journal=journal,
        vault=vault,
        clock=clock,
        composer=NobodyListens(),
        offer=lambda rows: None,
        version="test",
    )
    drugs, protocols = resources.text("drugs.toml"), {RECORDED: PERSONALISE}
    await engine.start(lambda ward, after: ward, Configured("TEST", drugs, protocols))
    async with engine.serving():
        for t in range(-15, 131):
            clock.at = ZERO + t * MINUTE
            for person in PEOPLE.get(t, []):
                await engine.submit([person])
            await engine.submit(list(minute_of(t)))
            clock.at += 2000
            await engine.submit([Tick(clock.at // MINUTE)])
        for subject in ("S1", "S2"):
            await engine.submit([End(subject, "nurse", "end of the table")])
    await journal.close()
    await vault.close()


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    folder = tmp_path_factory.mktemp("record")
    asyncio.run(make_record(folder))
    return folder / "journal.db"


@pytest.fixture
def under(journal, tmp_path):
    """`replay` of the record under the packaged protocol with texts replaced."""

    def run(*changes, options=(), path=journal):
        text = DRAFT
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        file = tmp_path / "draft.toml"
        file.write_text(text, encoding="utf-8")
        words = ["replay", str(path), "--protocol", str(file), *options]
        return CliRunner().invoke(app, words)

    return run


def alerts(done):
    assert done.exit_code == 0, done.stderr
    return {s["subject"]: s["alerts"] for s in json.loads(done.stdout)["subjects"]}


def test_a_narrower_band_makes_an_alert_appear(under):
    """69 is above 65 + 2. The minutes are those of the table: 50 of them are high, 80 within.

    The minute in which the patient left was not over, and so is unknown.
    """
    done = under(("tol_high = 5", "tol_high = 2"))
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == (
        f"S2 usual_vp01: {RECORDED} -> personalise@draft\n"
        f"  MAP_HIGH appears: T+78 ({T78})\n"
        "  minutes: IN 130 -> 80, LOW 0, HIGH 0 -> 50, TITRATING 0, OFF 0, UNKNOWN 1\n"
        "  adherence: 100.0% -> 61.5%\n"  # 80 / 130
        f"S1 usual_vp03: {RECORDED} -> personalise@draft\n"
        "  minutes: IN 80, LOW 0, HIGH 50, TITRATING 0, OFF 0, UNKNOWN 1\n"
        "  adherence: 61.5% -> 61.5%\n"
        # 210 / 260 and 160 / 260
        "total: 2 patients; alerts: 1 appear, 0 vanish, 0 move; adherence: 80.8% -> 61.5%\n"
    )


def test_a_wider_band_makes_an_alert_vanish(under):
    found = alerts(under(("tol_high = 5", "tol_high = 7"), options=["--json"]))
    before = {"minute": 78, "time": T78}
    assert found == {
        "S1": [{"alert": "MAP_HIGH", "change": "vanishes", "before": before, "after": None}],
        "S2": [],
    }


def test_a_longer_sustain_moves_an_alert(under):
    found = alerts(under(("high_sustain = 15", "high_sustain = 20"), options=["--json"]))
    before, after = {"minute": 78, "time": T78}, {"minute": 83, "time": T83}
    assert found == {
        "S1": [{"alert": "MAP_HIGH", "change": "moves", "before": before, "after": after}],
        "S2": [],
    }


def test_the_json_holds_minutes_adherence_and_totals(under):
    found = json.loads(under(("tol_high = 5", "tol_high = 2"), options=["--json"]).stdout)
    other = {"LOW": 0, "TITRATING": 0, "OFF": 0, "UNKNOWN": 1}
    assert found["subjects"][0]["randomised"] == "2026-09-21T14:13:00.000Z"
    assert found["subjects"][0]["after"] == {
        "rules": "personalise@draft",
        "minutes": {"IN": 80, "HIGH": 50, **other},
        "adherence": 80 / 130,
    }
    assert found["total"] == {
        "appear": 1,
        "vanish": 0,
        "move": 0,
        "before": {
            "minutes": {"IN": 210, "HIGH": 50, **other, "UNKNOWN": 2},
            "adherence": 210 / 260,
        },
        "after": {
            "minutes": {"IN": 160, "HIGH": 100, **other, "UNKNOWN": 2},
            "adherence": 160 / 260,
        },
    }


def test_the_same_rules_change_nothing_and_the_journal_stays_as_it_was(under, journal):
    before = journal.read_bytes()
    assert not any(alerts(under(options=["--json"])).values())
    assert journal.read_bytes() == before


def test_a_changed_file_without_a_new_version_still_counts(under):
    done = under(
        ("tol_high = 5", "tol_high = 2"), ('"draft"', '"2026-01-22.1"'), options=["--json"]
    )
    assert [alert["change"] for alert in alerts(done)["S2"]] == ["appears"]


def test_a_file_of_another_id_takes_the_place_of_the_one_that_is_named(under):
    other = ('id = "personalise"', 'id = "next"')
    done = under(other)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("REPLAY_NOBODY: ")
    assert "no patient of protocol 'next'; there are those of: personalise" in done.stderr
    done = under(other, ("tol_high = 5", "tol_high = 2"), options=["--instead-of", "personalise"])
    assert done.exit_code == 0
    assert f"S2 usual_vp01: {RECORDED} -> next@draft\n  MAP_HIGH appears: T+78" in done.stdout


def test_an_arm_that_the_file_does_not_have_is_named_with_both_lists(under):
    done = under(("[arms.usual_vp03]", "[arms.usual]"))
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("CONFIG_ARM: ")
    assert "'usual_vp03'" in done.stderr
    assert "permissive_vp01, usual_vp01, permissive_vp03, usual_vp03;" in done.stderr
    assert "permissive_vp01, usual_vp01, permissive_vp03, usual:" in done.stderr


def test_whom_the_record_refused_the_other_rules_do_not_admit(under):
    done = under(("[arms.usual_vp01]", "[arms.usual_vp01x]\n[arms.usual_vp01]"))
    assert done.exit_code == 0
    assert "S1 usual_vp03: " in done.stdout


def test_a_patient_whom_the_other_rules_refuse_is_named(under):
    done = under(("floor = 50", "floor = 56"))
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("REPLAY_REFUSED: ")
    assert "patient S1 cannot be enrolled under personalise@draft: floor 55 mmHg" in done.stderr


def test_a_wrong_file_is_shown_as_check_shows_it(under):
    done = under(('margin = "tol_low"', 'margin = "tol_lo"'))
    message, source, carets = done.stderr.splitlines()
    assert message.startswith("CONFIG_RULE: ")
    assert "did you mean tol_low?" in message
    assert source.endswith('| margin = "tol_lo"')
    assert carets.endswith("|          ^^^^^^^^")
    assert done.exit_code == 1


def test_a_journal_that_cannot_be_read_is_said_in_one_line(under, tmp_path):
    text, empty, odd = tmp_path / "text.db", tmp_path / "empty.db", tmp_path / "odd.db"
    text.write_text("this is no database, but long enough to be taken for one at first sight")
    sqlite3.connect(empty).close()
    connection = sqlite3.connect(odd)
    connection.executescript(
        "CREATE TABLE input (seq, grp, t, body, original, part, original_hash, link);"
        "CREATE TABLE decision (seq, n, subject, body);"
        "INSERT INTO input VALUES (1, 1, 0, '{}', NULL, NULL, NULL, x'00');"
    )
    connection.close()
    for path in (text, empty, odd, tmp_path / "none.db"):
        done = under(path=path)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith(f"JOURNAL: {path}: ")
        assert done.stderr.count("\n") == 1


def test_a_protocol_file_that_is_not_there_or_is_no_text(journal, tmp_path):
    odd = tmp_path / "odd.toml"
    odd.write_bytes(b"\xff")
    for path in (odd, tmp_path / "none.toml"):
        done = CliRunner().invoke(app, ["replay", str(journal), "--protocol", str(path)])
        assert done.exit_code == 1
        assert done.stderr.startswith(f"CONFIG_FILE: {path}: ")


spans = st.lists(
    st.builds(
        lambda name, start, length: _Span(name, start, start + length),
        st.sampled_from(["MAP_LOW", "MAP_HIGH"]),
        st.integers(0, 50),
        st.integers(0, 20),
    ),
    unique_by=lambda span: (span.name, span.start),
    max_size=8,
)


@given(spans, spans)
def test_every_alert_stays_moves_vanishes_or_appears_once(before, after):
    changes = _changes(before, after)
    stayed = {(s.name, s.start) for s in before} & {(s.name, s.start) for s in after}
    left = [(c.alert, c.before) for c in changes if c.before is not None]
    came = [(c.alert, c.after) for c in changes if c.after is not None]
    assert sorted([*stayed, *left]) == sorted((s.name, s.start) for s in before)
    assert sorted([*stayed, *came]) == sorted((s.name, s.start) for s in after)
    assert not _changes(before, before)
