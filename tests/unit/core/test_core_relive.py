"""Pumps that were heard late: what they did is placed in time (reference 0.7 and 3.5)."""

from decimal import Decimal

import msgspec
import pytest
from bedside import DRUGS
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.events import MINUTE, Flow
from monitor_daemon.core.infusion import KEPT, PRESSORS, Infusions
from monitor_daemon.core.relive import relive

TABLE = DrugTable.parse(DRUGS)
BRIDGE = 5 * MINUTE
LEAD = 50 * MINUTE
END = 120
LABELS = {
    "A": ("norepinephrine", 60.0, "ug/mL"),
    "B": ("norepinephrine", 120.0, "ug/mL"),
    "V": ("vasopressin", 0.4, "U/mL"),
}


def flow(key, rate):
    drug, strength, unit = LABELS[key]
    status = "running" if rate else "stopped"
    return Flow(key, status, rate, drug, strength, unit)


def programme(changes, end=END):
    """(minute, key, flow): every channel speaks every minute and begins standing."""
    rates = dict.fromkeys(LABELS, 0.0)
    for minute in range(end + 1):
        rates |= changes.get(minute, {})
        yield from ((minute, key, flow(key, rate)) for key, rate in rates.items())


def play(reports, heard, end=END):
    """Infusions that hear of each report in its minute if `heard` says so, else only at the end."""
    pumps = Infusions()
    said = {}
    for minute, key, words in reports:
        said.setdefault(minute, []).append((key, words))
    for minute in range(end + 1):
        for key, words in said.get(minute, []):
            if heard(minute, key):
                pumps.take(f"pumps|{key}", words, TABLE, minute * MINUTE, minute * MINUTE)
            else:
                pumps.defer(f"pumps|{key}", words, minute * MINUTE)
        pumps.settle(minute * MINUTE, BRIDGE)
    relived = relive(pumps, TABLE, end * MINUTE, BRIDGE, LEAD) if pumps.missed is not None else None
    return pumps, relived


def record(pumps):
    """What a record is made of: deliveries, and the courses with what they gave since minute 60."""
    courses = {
        drug: (c.run, c.gap, c.stopped if c.since is None else None, c.amount, c.complete)
        for drug, c in pumps.courses.items()
    }
    return pumps.exposure.runs, pumps.exposure.unknown, courses, pumps.on(PRESSORS)


changes = st.dictionaries(
    st.integers(1, END),
    st.dictionaries(st.sampled_from(sorted(LABELS)), st.sampled_from([0.0, 3.0, 6.0]), min_size=1),
    max_size=12,
)


@given(changes, st.integers(1, END - 1), st.integers(6, END), st.sampled_from(["", "A", "AV"]))
def test_late_news_gives_the_record_that_live_news_would_have_given(changed, since, length, gone):
    """For one channel, two, or all (""), from `since` on; under five minutes it was not silent."""
    reports = list(programme(changed))

    def heard(minute, key):
        return not since <= minute < since + length or (gone and key not in gone)

    late, _ = play(reports, heard)
    live, _ = play(reports, lambda minute, key: True)
    assert record(late) == record(live)


@given(changes, st.integers(1, END - 1))
def test_relived_again_nothing_changes_and_a_snapshot_keeps_it(changed, since):
    pumps, _ = play(list(programme(changed)), lambda minute, key: minute < since)
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(pumps), type=Infusions)
    assert again == pumps
    pumps.miss(since * MINUTE)
    relive(pumps, TABLE, END * MINUTE, BRIDGE, LEAD)
    assert record(pumps) == record(again)


def test_each_minute_can_be_looked_at_as_it_was():
    # 3 mL/h of 60 ug/mL are 180 ug/h; from 30 to 40 it stood still.
    changed = {1: {"A": 3.0}, 30: {"A": 0.0}, 40: {"A": 6.0}}
    _, relived = play(list(programme(changed)), lambda minute, key: not 25 <= minute < 60)
    amounts = {
        m: relived.steps[m * MINUTE].amount("norepinephrine")[0] for m in (29, 34, 35, 39, 40, 59)
    }
    assert amounts == {29: 180, 34: 180, 35: 0, 39: 0, 40: 360, 59: 360}
    # From 25 on it is news; a pause up to five minutes older may have been none.
    assert relived.on == [(20 * MINUTE, True), (30 * MINUTE, False), (40 * MINUTE, True)]


def test_a_report_that_contradicts_what_was_heard_at_its_time_is_not_believed():
    pumps = Infusions()
    for minute in range(20):
        pumps.take("pumps|A", flow("A", 6.0), TABLE, minute * MINUTE, minute * MINUTE)
        pumps.settle(minute * MINUTE, BRIDGE)
    pumps.defer("pumps|A", flow("A", 0.0), 10 * MINUTE)
    relive(pumps, TABLE, 19 * MINUTE, BRIDGE, LEAD)
    assert pumps.amount("norepinephrine") == (Decimal(360), True)
    assert pumps.exposure.runs == {"norepinephrine": [(0, 19 * MINUTE)]}


@pytest.mark.parametrize(("trusted", "amount"), [(15, 360), (16, None)])
def test_silence_that_nobody_broke_stays_unknown(trusted, amount):
    # Nothing is heard from 20 on: trusted for 15 minutes after the last word, at 19.
    reports = [r for r in programme({1: {"A": 6.0}}) if r[0] < 20]
    pumps, _ = play(reports, lambda minute, key: True, end=19 + trusted)
    pumps.miss(20 * MINUTE)
    relived = relive(pumps, TABLE, (19 + trusted) * MINUTE, BRIDGE, LEAD)
    known, complete = relived.steps[(19 + trusted) * MINUTE].amount("norepinephrine")
    assert (known if complete else None) == amount


def test_what_channels_said_is_kept_for_a_day():
    pumps = Infusions()
    for hour in range(60):
        at = hour * 60 * MINUTE
        pumps.take("pumps|A", flow("A", 1.0 + hour), TABLE, at, at)
    kept = [report.at for report in pumps.log["pumps|A"]]
    # With them what was in force when the day began.
    assert kept[0] <= at - KEPT <= kept[1]
