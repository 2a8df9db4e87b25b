"""What a person sees, from messages as the schemas of the project have them."""

import io
from datetime import UTC, datetime

from rich.console import Console

from monitor_daemon.demo.plan import load
from monitor_daemon.demo.screen import Screen
from monitor_daemon.demo.site import ZONE, next_morning

RANDOMISED = datetime(2026, 2, 2, 8, 10, tzinfo=ZONE)
STATE = {
    "subject": "DEMO-003",
    "bed": "ICU-3",
    "phase": "ACTIVE",
    "target": 65.0,
    "range": None,
    "map5": 60.66,
    "dose": {"drug": "norepinephrine", "value": 0.12, "unit": "ug/kg/min"},
    "next_crt_due": None,
    "data_quality": {"monitored": True, "map": "known", "pumps": "silent"},
    "open_alerts": [{"kind": "MAP_LOW"}, {"kind": "VP_LATE"}],
    "as_of": "2026-02-01T23:55:02.000Z",
}
EVENT = {
    "kind": "MAP_LOW",
    "class": "attention",
    "transition": "raised",
    "raised_at": "2026-02-01T23:55:00.000Z",
    "published_at": "2026-02-01T23:55:09.000Z",
    "text": "Bed ICU-3: MAP 61.2 mmHg [too far]. Check.",
}


def shown(*, terminal: bool) -> tuple[Screen, io.StringIO]:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=160, color_system=None)
    return Screen(load(), RANDOMISED, console), out


def test_an_alert_is_a_line_with_clock_time_minute_and_text():
    screen, out = shown(terminal=False)
    with screen:
        screen.event(EVENT)
    # 23:55 UTC is 08:55 in Tokyo, 45 minutes after 08:10.
    assert out.getvalue() == (
        "08:55  T+45   MAP_LOW        Bed ICU-3: MAP 61.2 mmHg [too far]. Check.\n"
    )


def test_a_cleared_alert_stands_at_the_time_it_was_published():
    screen, out = shown(terminal=False)
    with screen:
        screen.event({**EVENT, "transition": "cleared", "published_at": "2026-02-02T00:10:00.000Z"})
    assert out.getvalue().startswith("09:10  T+60 ")


def test_without_a_terminal_there_is_no_table():
    screen, out = shown(terminal=False)
    with screen:
        screen.state(STATE)
    assert out.getvalue() == ""


def test_the_table_shows_what_is_known_and_what_is_not():
    screen, out = shown(terminal=True)
    with screen:
        screen.state(STATE)
        screen.state(
            {
                **STATE,
                "subject": "DEMO-001",
                "bed": "ICU-1",
                "map5": None,
                "dose": {"drug": "norepinephrine", "value": None, "unit": "ug/kg/min"},
                "open_alerts": [],
            }
        )
    text = out.getvalue()
    for cell in ("usual_vp01", "60.7", "0.120", "pumps silent", "MAP_LOW, VP_LATE", "unknown"):
        assert cell in text
    for driver in ("ge_dri", "hl7", "bbraun_space"):
        assert driver in text
    assert "T+45" in text


def test_a_blinded_patient_has_a_range_and_no_arm():
    screen, out = shown(terminal=True)
    wanted = {"variable": "MAP", "low": 65.0, "high": 70.0, "confirmed": "2026-02-01T23:03:00.000Z"}
    with screen:
        screen.state(
            {**STATE, "subject": "DEMO-004", "bed": "ICU-4", "target": None, "range": wanted}
        )
    assert "65-70" in out.getvalue()
    assert "blinded" in out.getvalue()


def test_the_introduction_says_what_was_laid_over_what():
    screen, out = shown(terminal=False)
    screen.introduce(60)
    text = out.getvalue()
    assert "No open recording has minute-by-minute MAP and infusion doses" in text
    assert "not recorded: they are MAP + 28 and MAP - 14" in text
    for name in ("cinc2009_H1_5", "mimic4_10015931", "eicu_249328", "cinc2009_C2_14"):
        assert name in text
    assert "philips_intellivue (UDP), bbraun_space (TCP)" in text


def test_playback_begins_at_eight_and_never_in_the_past():
    for hour in range(24):
        now = datetime(2026, 2, 2, hour, 59, 30, tzinfo=UTC)
        zero = next_morning(round(now.timestamp() * 1000))
        assert (zero.hour, zero.minute, zero.second) == (8, 0, 0)
        assert 3600 <= (zero - now).total_seconds() <= 25 * 3600
