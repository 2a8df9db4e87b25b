"""One push per patient per minute, four an hour, unless urgent: reference section 5.3."""

import itertools
from collections import defaultdict

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_daemon.core.bundle import Bundle
from monitor_daemon.core.decisions import Pushed
from monitor_daemon.core.events import MINUTE, SECOND
from monitor_daemon.core.response import Handling, Response

HOUR = 60 * MINUTE
B, P, C = "bedside", "physician", "coordinator"


def about(name, reason="first", to=(B,)):
    return Pushed(f"id-{name}", name, reason, to)


LOW, HIGH, GAP, DUE, LATE = (
    about(name) for name in ("MAP_LOW", "MAP_HIGH", "MAP_GAP", "CRT_DUE", "VP_LATE")
)
FLOOR = about("FLOOR", to=(B, P))


def spent(*minutes):
    """A bundle that has pushed an attention alert at each of these minutes."""
    bundle = Bundle()
    for n, minute in enumerate(minutes):
        assert bundle.offer(minute * MINUTE, attention=[about(f"A{n}")])
    return bundle


def test_the_first_push_goes_out_at_its_very_instant():
    assert Bundle().offer(78 * MINUTE + 13 * SECOND, attention=[LOW]) == (LOW,)


def test_alerts_of_one_instant_are_one_push_that_names_all_with_reason_and_roles():
    again = about("VP_LATE", "escalated", (P,))
    assert Bundle().offer(0, attention=[LOW, again, DUE]) == (LOW, again, DUE)


def test_what_comes_later_in_the_minute_waits_for_the_next_and_goes_out_in_one():
    bundle = Bundle()
    assert bundle.offer(5 * SECOND, attention=[LOW]) == (LOW,)
    assert bundle.offer(6 * SECOND, attention=[GAP]) == ()
    assert bundle.offer(59 * SECOND, attention=[DUE]) == ()
    assert bundle.offer(MINUTE, attention=[LATE]) == (GAP, DUE, LATE)
    assert bundle.offer(2 * MINUTE) == ()


def test_minutes_are_those_of_the_clock():
    bundle = Bundle()
    assert bundle.offer(59 * SECOND, attention=[LOW]) == (LOW,)
    assert bundle.offer(61 * SECOND, attention=[GAP]) == (GAP,)


def test_a_whole_minute_that_is_judged_two_seconds_late_is_the_same_minute():
    bundle = Bundle()
    assert bundle.offer(MINUTE + SECOND, attention=[LOW]) == (LOW,)
    assert bundle.offer(MINUTE, attention=[GAP]) == ()
    assert bundle.offer(2 * MINUTE) == (GAP,)


def test_the_fifth_push_of_an_hour_waits_and_all_that_waits_goes_out_in_one():
    bundle = spent(0, 10, 20, 30)
    assert bundle.offer(40 * MINUTE, attention=[LOW]) == ()
    assert bundle.offer(50 * MINUTE, attention=[GAP]) == ()
    assert bundle.offer(60 * MINUTE - 1) == ()
    assert bundle.offer(60 * MINUTE) == (LOW, GAP)
    assert bundle.offer(61 * MINUTE, attention=[DUE]) == ()
    assert bundle.offer(70 * MINUTE) == (DUE,)


def test_urgent_goes_at_once_when_the_minute_and_the_hour_are_spent():
    bundle = spent(0, 1, 2, 3)
    assert bundle.offer(3 * MINUTE + SECOND, urgent=[FLOOR]) == (FLOOR,)
    assert bundle.offer(3 * MINUTE + 2 * SECOND, urgent=[FLOOR]) == (FLOOR,)


def test_urgent_pushes_do_not_use_up_the_hour_but_take_their_minute():
    bundle = Bundle()
    for minute in range(10):
        assert bundle.offer(minute * MINUTE, urgent=[FLOOR]) == (FLOOR,)
    assert bundle.offer(9 * MINUTE + SECOND, attention=[LOW]) == ()
    assert bundle.offer(10 * MINUTE) == (LOW,)


def test_urgent_and_attention_of_one_instant_are_one_push_urgent_first():
    assert Bundle().offer(0, urgent=[FLOOR], attention=[LOW]) == (FLOOR, LOW)


def test_urgent_pushes_carry_no_more_attention_alerts_than_the_hour_allows():
    bundle = Bundle()
    for minute in range(4):
        other = about(f"A{minute}")
        assert bundle.offer(minute * MINUTE, urgent=[FLOOR], attention=[other]) == (FLOOR, other)
    assert bundle.offer(4 * MINUTE, urgent=[FLOOR], attention=[LOW]) == (FLOOR,)
    assert bundle.offer(60 * MINUTE) == (LOW,)


def test_what_is_closed_or_answered_while_it_waits_is_not_told():
    bundle = spent(0, 1, 2, 3)
    assert bundle.offer(4 * MINUTE, attention=[LOW, GAP]) == ()
    bundle.withdraw(LOW.alert_id)
    bundle.withdraw("an alert that does not wait")
    assert bundle.offer(60 * MINUTE) == (GAP,)


@pytest.mark.parametrize(
    ("waiting", "then", "said"),
    [
        ("first", "repeat", "first"),
        ("first", "escalated", "escalated"),
        ("repeat", "escalated", "escalated"),
        ("repeat", "handover", "repeat"),
        ("handover", "repeat", "repeat"),
        ("repeat", "persisting", "persisting"),
        ("repeat", "repeat", "repeat"),
    ],
)
def test_an_alert_that_waits_for_two_reasons_is_told_once_to_all_its_roles(waiting, then, said):
    bundle = spent(0, 1, 2, 3)
    assert bundle.offer(4 * MINUTE, attention=[about("X", waiting), GAP]) == ()
    assert bundle.offer(5 * MINUTE, attention=[about("X", then, (P, B))]) == ()
    assert bundle.offer(60 * MINUTE) == (about("X", said, (B, P)), GAP)


def test_two_reasons_of_one_instant_are_one_item():
    both = [about("FLOOR", "handover"), about("FLOOR", "escalated", (B, P))]
    assert Bundle().offer(0, urgent=both) == (about("FLOOR", "escalated", (B, P)),)


def test_notices_neither_use_up_the_hour_nor_wait_for_it():
    bundle = Bundle()
    for minute in range(6):
        assert bundle.offer(minute * MINUTE, notices=[about(f"N{minute}")])
    for minute in range(6, 10):
        assert bundle.offer(minute * MINUTE, attention=[about(f"A{minute}")])
    assert bundle.offer(10 * MINUTE, attention=[LOW], notices=[DUE]) == (DUE,)
    assert bundle.offer(66 * MINUTE) == (LOW,)


def test_a_notice_waits_for_its_minute_unless_it_is_withdrawn():
    bundle = Bundle()
    assert bundle.offer(0, attention=[LOW]) == (LOW,)
    assert bundle.offer(SECOND, notices=[DUE, GAP]) == ()
    bundle.withdraw(DUE.alert_id)
    assert bundle.offer(MINUTE) == (GAP,)


def test_nothing_offered_is_nothing_pushed():
    bundle = Bundle()
    assert bundle.offer(0) == ()
    assert bundle == Bundle()


def test_fault_after_a_long_stop_what_waited_goes_out_once():
    bundle = spent(0, 1, 2, 3)
    assert bundle.offer(4 * MINUTE, attention=[LOW]) == ()
    assert bundle.offer(600 * MINUTE) == (LOW,)
    assert bundle.offer(601 * MINUTE) == ()


def test_fault_a_restart_from_a_snapshot_changes_nothing():
    bundle = spent(0, 1, 2, 3)
    bundle.offer(4 * MINUTE, attention=[about("MAP_LOW", "escalated", (P,)), GAP])
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(bundle), type=Bundle)
    assert again == bundle
    assert again.offer(60 * MINUTE) == bundle.offer(60 * MINUTE) != ()


#: (ms since the one before, names of urgent alerts, names of others)
offers = st.lists(
    st.tuples(
        st.sampled_from([1, SECOND, 20 * SECOND, MINUTE, 7 * MINUTE, 16 * MINUTE, HOUR]),
        st.lists(st.sampled_from("UV"), max_size=2),
        st.lists(st.sampled_from("ABCDE"), max_size=3),
    ),
    max_size=60,
)


def limits_hold(instants):
    """Whether pushes at these instants keep to one a minute and four in every sliding hour."""
    minutes = [at // MINUTE for at in instants]
    hours = [sum(at <= other < at + HOUR for other in instants) for at in instants]
    return len(set(minutes)) == len(minutes) and max(hours, default=0) <= 4


@given(offers)
def test_no_sequence_breaks_the_limits_or_delays_what_is_urgent(sequence):
    bundle, now, instants = Bundle(), 0, []
    for wait, urgent, others in sequence:
        now += wait
        out = bundle.offer(now, map(about, urgent), map(about, others))
        names = [item.name for item in out]
        assert len(set(names)) == len(names)
        assert {name for name in names if name in "UV"} == set(urgent)
        if set(names) - set("UV"):
            instants.append(now)
    assert limits_hold(instants)


@given(offers)
def test_whatever_waits_is_told_within_the_hour_and_the_minute_it_waits_for(sequence):
    bundle, now, since = Bundle(), 0, {}
    for wait, urgent, others in [*sequence, (HOUR, [], []), (MINUTE, [], [])]:
        steps = [*range((now // MINUTE + 1) * MINUTE, now + wait, MINUTE), now + wait]
        for now in steps:
            new = (urgent, others) if now == steps[-1] else ([], [])
            since |= {name: now for name in new[1] if name not in since}
            out = bundle.offer(now, map(about, new[0]), map(about, new[1]))
            for item in out:
                since.pop(item.name, None)
            assert all(now - began < HOUR + MINUTE for began in since.values())
    assert not since


#: Alerts of one patient: minutes of `again` and `escalate` as in 5.3, and whether urgent.
ALERTS = {
    "SEVERE_LOW": (Handling(2 * MINUTE, None, 3 * MINUTE, (P,)), True),
    "FLOOR": (Handling(5 * MINUTE, None, 5 * MINUTE, (P,)), True),
    "ART_CHECK": (Handling(10 * MINUTE, None, 10 * MINUTE, (C,)), False),
    "MAP_LOW": (Handling(30 * MINUTE, None, 30 * MINUTE, (P,)), False),
    "MAP_HIGH": (Handling(60 * MINUTE, None, 60 * MINUTE, (P, C)), False),
    "STEP_UP": (Handling(15 * MINUTE, None, 15 * MINUTE, (P,)), False),
    "VP_LATE": (Handling(60 * MINUTE, None, 30 * MINUTE, (P,)), False),
    "CRT_DUE": (Handling(), False),
}
#: (seconds since the one before, what, which alert)
stay = st.lists(
    st.tuples(
        st.integers(1, 2400),
        st.sampled_from(["raise", "raise", "raise", "clear", "ack"]),
        st.sampled_from(sorted(ALERTS)),
    ),
    max_size=25,
)


class Patient:
    """Responses and bundle wired as a ward would: all that is told, and what was done."""

    def __init__(self):
        self.bundle, self.open = Bundle(), {}
        self.told = []
        self.heard = defaultdict(list)  # bedside hears of an open, unacknowledged alert
        self.acknowledged = {}

    def offer(self, now, pushes):
        items = {True: [], False: []}
        for name, push in pushes:
            items[ALERTS[name][1]].append(Pushed(name, name, push.reason, push.to))
        out = self.bundle.offer(now, items[True], items[False])
        assert {i.name for i in items[True]} <= {i.name for i in out}
        if out:
            self.told.append((now, out))
        for item in out:
            if B in item.to:
                self.heard[item.name].append(now)
            if item.name in self.acknowledged:
                interval = ALERTS[item.name][0].again
                assert interval is not None
                assert now >= self.acknowledged[item.name] + interval

    def tick(self, now):
        pushes = ((name, r.tick(now, ALERTS[name][0])) for name, r in self.open.items())
        self.offer(now, [(name, push) for name, push in pushes if push is not None])
        for name in set(self.open) - set(self.acknowledged):
            handling, urgent = ALERTS[name]
            since = self.heard[name][-1] if self.heard[name] else self.open[name].raised_at
            delay = MINUTE if urgent else HOUR + MINUTE
            if handling.again is not None or not self.heard[name]:
                assert now - since < (handling.again or 0) + delay

    def do(self, now, what, name):
        if what == "raise" and name not in self.open:
            self.open[name] = Response()
            self.offer(now, [(name, self.open[name].raised(now, ALERTS[name][0]))])
        elif what == "ack" and name in self.open:
            self.open[name].acknowledged(now, ALERTS[name][0])
            self.acknowledged[name] = now
            self.bundle.withdraw(name)
        elif what == "clear" and name in self.open:
            del self.open[name]
            self.acknowledged.pop(name, None)
            self.heard.pop(name, None)
            self.bundle.withdraw(name)


@settings(deadline=None)
@given(stay)
def test_a_patient_with_many_alerts(deeds):
    patient, now = Patient(), 0
    for seconds, what, name in [*deeds, (7200, "", "")]:
        before, now = now, now + seconds * SECOND
        for minute in range((before // MINUTE + 1) * MINUTE, now + 1, MINUTE):
            patient.tick(minute)
        patient.do(now, what, name)
    others = [at for at, out in patient.told if any(not ALERTS[i.name][1] for i in out)]
    assert limits_hold(others)
    urgent = [at for at, out in patient.told if any(ALERTS[i.name][1] for i in out)]
    for minute, group in itertools.groupby(patient.told, key=lambda push: push[0] // MINUTE):
        pushes = list(group)
        assert len(pushes) == 1 or any(at // MINUTE == minute for at in urgent)
