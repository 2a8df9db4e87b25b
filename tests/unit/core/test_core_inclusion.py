"""Eligibility for PERSONALISE (reference R7): the seven cases, and what is written down."""

import pytest
from bedside import Bedside, alerts, enrolment, ms, pressure
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_daemon.core.decisions import Eligibility, Logged
from monitor_daemon.core.events import Data, Flow
from monitor_daemon.core.people import Associate, Randomise, Screen

SECOND = 1 / 60


def drug(rate, name="norepinephrine", status=None, link="pumps", bed="B1"):
    status = status or ("running" if rate else "stopped")
    flow = Flow(name, status, rate, drug=name, concentration=60.0, unit="ug/mL")
    return Data(link, bed, flows=(flow,))


class Stay(Bedside):
    """A patient of bed B1; times are minutes from his randomisation."""

    def play(self, start, end, story):
        """Minutes [start, end): the newest word of each pump every minute, `story` at its time."""
        pumps = {}
        for t in sorted({*range(start, end), *story}):
            for event in story.get(t, []):
                if isinstance(event, Data):
                    pumps[event.flows[0].channel] = event
            inputs = [e for e in story.get(t, []) if not isinstance(e, Data)]
            self.give(t, *pumps.values(), *inputs)
            if t == round(t):
                self.tick(t)
        return self

    def verdicts(self):
        return [d for d in self.decisions if isinstance(d, Eligibility)]

    def check(self):
        (found,) = [
            d for d in self.decisions if isinstance(d, Logged) and d.name == "INCLUSION_CHECK"
        ]
        return found.detail

    def time(self):
        """The criterion that pumps tell, as it is written down."""
        return self.check()["criteria"]["vasopressor_time"]


def screen(**more):
    return Screen("S1", "B1", "personalise", "nurse", weight_kg=60.0, **more)


def randomise(**more):
    return Randomise("S1", "nurse", arm="usual_vp01", **more)


def randomised(story, start=-400, **screened):
    """A patient screened from the first word of the pumps, and randomised at 0."""
    story = {start: [drug(0.0), screen(**screened)], 0: [randomise()], **story}
    return Stay().play(start, 1, story)


# --- the seven cases of the reference -------------------------------------------------------


def test_an_infusion_of_one_second_less_than_three_hours():
    stay = randomised({-180 + SECOND: [drug(5.0)]})
    assert (stay.check()["verdict"], stay.time()["holds"]) == ("eligible", True)
    assert stay.time()["age"] == pytest.approx(180 - SECOND)


def test_exactly_three_hours_are_excluded():
    stay = randomised({-180: [drug(5.0)]})
    assert (stay.check()["verdict"], stay.time()["holds"]) == ("excluded", False)
    assert stay.time()["value"] == 3.0


def test_a_short_pause_does_not_restart_the_clock():
    stay = randomised({-200: [drug(5.0)], -170: [drug(0.0)], -150: [drug(5.0)]})
    assert stay.check()["verdict"] == "excluded"
    assert stay.time()["age"] == 200


def test_a_long_pause_does_and_is_flagged():
    stay = randomised({-360: [drug(5.0)], -270: [drug(0.0)], -60: [drug(5.0)]})
    assert stay.check()["verdict"] == "eligible"
    assert stay.time()["age"] == 60
    assert stay.time()["note"] == "review: infusion before, then 210 min none"


def test_boluses_do_not_start_the_clock_but_are_shown():
    story = {t: [drug(60.0, "phenylephrine")] for t in (-240, -220, -200)}
    story |= {t + 1: [drug(0.0, "phenylephrine")] for t in story}
    stay = randomised({**story, -90: [drug(5.0, "phenylephrine")]})
    assert stay.check()["verdict"] == "eligible"
    assert (stay.time()["age"], stay.time()["note"]) == (90, "3 bolus(es)")


def test_a_pump_first_seen_running_cannot_be_verified():
    stay = Stay().play(-60, 1, {-60: [screen(), drug(5.0)], 0: [randomise()]})
    assert (stay.check()["verdict"], stay.time()["holds"]) == ("unknown", None)
    assert stay.time()["note"] == "cannot verify, start time requested"
    assert stay.verdicts()[0].deadline is None


@pytest.mark.parametrize(("age", "verdict"), [(18, "eligible"), (17, "excluded")])
def test_the_eighteenth_birthday(age, verdict):
    stay = randomised({-60: [drug(5.0)]}, age=age)
    assert stay.check()["verdict"] == verdict
    assert stay.check()["criteria"]["age"]["value"] == age


# --- what is said in PRE --------------------------------------------------------------------


def test_the_countdown_is_said_once_and_the_end_too():
    stay = Stay().play(-10, 200, {-10: [screen(), drug(0.0)], 0: [drug(5.0)]})
    said = [((d.at - ms(0)) / 60_000, d.verdict, d.deadline) for d in stay.verdicts()]
    assert said == [
        (-10, "eligible", None),
        (0, "eligible", ms(180)),
        (180, "excluded", ms(180)),
    ]
    assert not alerts(stay.decisions)


def test_an_infusion_that_is_over_for_an_hour_stops_the_countdown():
    story = {-300: [drug(0.0), screen()], -250: [drug(5.0)], -100: [drug(0.0)]}
    stay = Stay().play(-300, 1, {**story, 0: [randomise()]})
    assert (stay.check()["verdict"], stay.time()["value"]) == ("eligible", 0.0)
    assert stay.time()["note"] == "review: infusion before, now none"
    assert stay.verdicts()[-1].deadline is None


def test_without_a_pump_nothing_is_verified():
    stay = Stay()
    stay.give(0, pressure(66.0), screen())
    assert [d.reason for d in stay.verdicts()] == ["vasopressor_time: no pump was heard"]


def test_a_patient_who_is_not_in_the_icu_is_excluded_and_one_of_whom_nobody_said_is_not():
    assert randomised({}, admitted=False).check()["verdict"] == "excluded"
    assert randomised({}, admitted=True).check()["verdict"] == "eligible"
    missing = randomised({}).check()
    assert missing["verdict"] == "eligible"
    assert missing["criteria"]["icu_admission"]["holds"] is None


def test_a_pump_that_fell_silent_may_hide_a_longer_infusion():
    story = {-300: [drug(0.0), screen()], -240: [drug(5.0)]}
    stay = Stay().play(-300, -230, story)
    for t in range(-230, -60):
        stay.tick(t)
    stay.play(-60, 1, {-60: [drug(5.0)], 0: [randomise()]})
    assert (stay.check()["verdict"], stay.time()["holds"]) == ("unknown", None)


# --- what is written at randomisation -------------------------------------------------------


def test_the_check_is_written_once_and_never_changed():
    stay = randomised({-60: [drug(5.0)]}, age=40)
    stay.play(1, 200, {})
    assert set(stay.check()["criteria"]) == {"vasopressor_time", "age", "icu_admission"}
    assert len([d for d in stay.verdicts() if d.at > ms(0)]) == 0
    assert "ELIG_VIOLATION" not in alerts(stay.decisions)


@pytest.mark.parametrize(("started", "verdict"), [(-179, "eligible"), (-180, "excluded")])
def test_a_direct_enrolment_is_checked_as_of_its_randomisation(started, verdict):
    stay = Stay().play(-400, 20, {-400: [drug(0.0)], started: [drug(5.0)]})
    stay.give(20, drug(5.0), enrolment())
    assert stay.check()["verdict"] == verdict
    assert stay.check()["randomised"] == ms(0)


def test_an_infusion_that_began_between_two_words_of_the_pump_goes_on_at_an_entry():
    stay = Stay().play(-400, -1, {-400: [drug(0.0), screen()]})
    stay.give(-3 * SECOND, drug(5.0))
    stay.give(0, randomise())
    assert stay.time()["value"] == pytest.approx(0.001, abs=0.001)
    assert stay.verdicts()[-1].deadline == ms(180 - 3 * SECOND)


def test_what_he_was_given_in_the_bed_before_counts():
    story = {-300: [drug(0.0), screen()], -200: [drug(5.0)]}
    stay = Stay().play(-300, -30, story)
    stay.give(-30, Associate("S1", "B2", "nurse"))
    stay.give(-29, drug(5.0, bed="B2", link="other"))
    stay.give(0, drug(5.0, bed="B2", link="other"), randomise())
    assert (stay.check()["verdict"], stay.time()["age"]) == ("excluded", 200)


# --- any course of an infusion --------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(5, 200), st.integers(1, 200)), min_size=1, max_size=4))
def test_any_course_gives_the_verdict_of_its_definition(course):
    """Runs of at least 5 min, each after a pause, the last one up to randomisation."""
    spans, t = [], 0
    for length, pause in reversed(course):
        spans.insert(0, (t - length, t))
        t -= length + pause
    begun = spans[-1][0]
    for start, end in reversed(spans[:-1]):
        if begun - end >= 60:
            break
        begun = start
    stay = Stay()
    stay.give(t - 1, drug(0.0), screen())
    for start, end in spans:
        # The link speaks on, running or not, so that nothing is hidden.
        following = next((s for s, _ in spans if s > end), 0)
        for beat in range(start, end, 4):
            stay.give(beat, drug(5.0))
        for beat in range(end, following, 4):
            stay.give(beat, drug(0.0))
    stay.give(0, randomise())
    assert stay.time()["age"] == -begun
    assert stay.check()["verdict"] == ("excluded" if -begun >= 180 else "eligible")
