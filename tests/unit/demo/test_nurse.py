"""What the nurse of the demonstration asks of the daemon, and when."""

from datetime import UTC, datetime

from drivers.kit.playback import SimClock
from monitor_daemon.control.requests import EnrolRequest, Order, RandomiseRequest, RangeRequest
from monitor_daemon.demo.nurse import _entries
from monitor_daemon.demo.plan import load

PEOPLE = load().people
CLOCK = SimClock(0.0, datetime(2026, 2, 2, 8, 0, tzinfo=UTC), 60)


def requests(subject):
    return [
        (minute, request)
        for minute, request, _ in _entries(PEOPLE, CLOCK)
        if isinstance(request, Order) and request.subject == subject
    ]


def test_entries_come_in_the_order_of_time():
    minutes = [minute for minute, _, _ in _entries(PEOPLE, CLOCK)]
    assert minutes == sorted(minutes)


def test_a_patient_of_personalise_is_enrolled_with_his_arm():
    minute, enrolment = requests("DEMO-001")[0]
    assert isinstance(enrolment, EnrolRequest)
    # Minute 10 of playback.
    assert (minute, enrolment.randomised) == (0, "2026-02-02T08:10:00+00:00")
    assert enrolment.arm == "usual_vp03"


def test_the_blinded_patient_is_screened_first_and_nobody_says_an_arm():
    found = requests("DEMO-004")
    names = [type(request).__struct_config__.tag for _, request in found]
    assert names == ["screen", "range", "observe", "randomise"]
    ranges = [request for _, request in found if isinstance(request, RangeRequest)]
    assert [(wanted.low, wanted.high) for wanted in ranges] == [(65, 70)]
    minute, randomisation = found[-1]
    assert isinstance(randomisation, RandomiseRequest)
    assert (minute, randomisation.randomised) == (24, "2026-02-02T08:34:00+00:00")
    assert randomisation.arm == ""
    # Recorded at 163,080 s; playback begins at 166,350 s, and the nurse enters it in minute 4.
    assert found[2][1].at == "-58"
