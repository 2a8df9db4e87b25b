"""Every language says the same things about every alert that exists."""

import string

import pytest
from notify_scenario import low_pressure

from monitor_daemon.core.decisions import Alert
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.protocol import parse
from monitor_daemon.core.response import Reason
from monitor_daemon.core.rules import FAMILIES
from monitor_daemon.notify import words
from monitor_daemon.notify.words import LANGUAGES, Words, read
from monitor_daemon.resources import protocols

#: Kinds of rule that move phases, targets and minutes but raise nothing under their own name.
SILENT = {
    "protocol_end", "achievement", "crt_steps", "minute_classes", "boluses", "inclusion",
    "inclusion_window", "days", "last_day",
}  # fmt: skip
TEXT_TABLES = {"word", "transition", "why", "told"}


def placeholders(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def raising_rules():
    kinds = {name: family.kind for name, family in FAMILIES.items()}
    for text in protocols().values():
        for name, table in parse(text, kinds).rules.items():
            if table["kind"] not in SILENT:
                yield name


def alert(name, transition="raised", reason="cleared", **values):
    return Alert(
        event_id="a-1",
        alert_id="a",
        subject="S1",
        bed="b1",
        name=name,
        clause="R",
        level="info",
        transition=transition,
        reason=reason,
        condition_since=0,
        raised_at=10 * MINUTE,
        at=12 * MINUTE,
        protocol="p",
        version="1",
        params_hash="0" * 16,
        target=65.0,
        values=values,
        actor="nurse-7",
    )


def test_every_alert_has_words():
    assert set(raising_rules()) | {"NOT_MONITORED"} <= set(read("en"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_all_texts_with_all_placeholders(language):
    own, english = read(language), read("en")
    assert {name: set(table) for name, table in own.items()} == {
        name: set(table) for name, table in english.items()
    }
    for name, table in english.items():
        for key, text in table.items():
            assert placeholders(own[name][key]) == placeholders(text), (language, name, key)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_can_be_said_even_when_nothing_is_known(language):
    said = Words(language)
    unknown = read(language)["word"]["unknown"]
    transitions = {"raised", *read("en")["transition"]} - {"closed"}
    for name in set(read("en")) - TEXT_TABLES:
        for transition in transitions:
            text = said.text(alert(name, transition))
            assert "b1" in text
            assert "{" not in text
    assert unknown in said.text(alert("MAP_LOW"))


def test_numbers_are_shown_as_they_are_compared():
    # A dose has three decimals (reference 0.3), so 0.0996 is shown as the 0.1 that counts.
    text = Words().text(alert("VP_DUE", dose=0.0996, threshold=0.1))
    assert text.startswith("Bed b1: norepinephrine 0.1 ug/kg/min, at or above 0.1 for 12 min;")
    # 62.6 is below 63 and must not be shown as 63.
    assert "MAP 62.6 mmHg" in Words().text(alert("MAP_LOW", map5=62.6))


def test_a_part_about_what_is_not_known_is_left_out():
    said = Words().text(alert("SOURCE_DISAGREES", pressure=25.5, dose_share=None))
    assert said == (
        "Bed b1: two sources of one signal have disagreed for 12 min; arterial MAP by 25.5 mmHg."
        " Check."
    )
    said = Words().text(alert("SOURCE_DISAGREES", pressure=None, dose_share=0.5))
    assert said.endswith("12 min; norepinephrine by a share of 0.5 of the larger dose. Check.")


def test_lateness_counts_from_the_due_time():
    text = Words().text(alert("CRT_OVERDUE", due=float(-20 * MINUTE)))
    assert text == "Bed b1: capillary refill time is overdue by 32 min. Measure."


def test_a_frozen_feed_is_told_from_the_first_of_the_same_pressures_on():
    # Reference 4.2 rule 6: it counts as frozen after ten minutes; the alert is raised only then.
    said = Words().text(alert("FEED_FROZEN", since=-10.0 * MINUTE))
    assert said.startswith("Bed b1: the monitor has sent the same pressures for 22 min;")


def test_what_a_phase_ended_does_not_read_as_recovered():
    said = Words().text(alert("MAP_LOW", "cleared", "phase"))
    assert said == "Bed b1: low MAP closed: it does not apply in the present phase."


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        ("misattributed", "low MAP closed: the data were not this patient's."),
        ("exempt", "low MAP closed: the patient is exempted from the rule."),
        ("corrected", "low MAP closed: the entry was corrected."),
        ("replaced", "low MAP closed: a newer one takes its place."),
    ],
)
def test_an_end_that_is_no_recovery_says_why(reason, end):
    transition = "voided" if reason == "misattributed" else "cleared"
    assert Words().text(alert("MAP_LOW", transition, reason)) == f"Bed b1: {end}"


def test_what_a_person_wrote_is_not_read_out():
    said = Words().text(alert("MAP_LOW", "voided", "flushed by Mr Doe"))
    assert said == "Bed b1: low MAP was raised in error and is void."


@pytest.mark.parametrize(
    ("transition", "reason", "end"),
    [
        ("repeated", "repeat", "Reminder."),
        ("escalated", "escalated", "Nobody has acknowledged it yet."),
        ("escalated", "persisting", "It was acknowledged and goes on."),
        ("repeated", "handover", "Open at the change of shift."),
        # Raised to attention by its age alone (MAP_GAP at 15 min).
        ("escalated", "MAP_GAP", "Still open."),
    ],
)
def test_an_alert_that_is_told_again_says_why(transition, reason, end):
    text = Words().text(alert("ART_CHECK", transition, reason))
    assert text == f"Bed b1: the arterial line gives no readable pressure. Look. {end}"


def test_every_reason_of_a_push_has_words():
    assert set(read("en")["told"]) == set(Reason)


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        (
            "TARGET_OVERRIDE",
            {"override": 70.0, "protocol": 60.0},
            "a physician has set the MAP target to 70 mmHg; the protocol's is 60. Note.",
        ),
        (
            "VP_DOSE",
            {"vasopressin": 0.045, "limit": 0.04},
            "vasopressin 0.045 U/min, above 0.04 for 12 min. Review.",
        ),
        (
            "CONC_CHANGE",
            {"drug": "norepinephrine", "ratio": 1.5},
            "another concentration of norepinephrine at the same mL/h, 1.5 times the dose. Check.",
        ),
        (
            "WEIGHT_MISMATCH",
            {"channel": "p|1", "pump": "80 kg", "weight": 72.5},
            "pump p|1 computes with 80 kg, the trial with a dosing weight of 72.5 kg. Check.",
        ),
        (
            "SEVERE_LOW",
            {"bin": 38.0, "limit": 40.0},
            "MAP 38 mmHg, below 40 for 12 min; the target is 65. Look.",
        ),
    ],
)
def test_small_limits_and_ratios_are_not_rounded_away(name, values, text):
    assert Words().text(alert(name, **values)) == f"Bed b1: {text}"


def test_a_rule_of_a_site_is_told_by_its_name():
    assert Words().text(alert("SITE_RULE")) == "Bed b1: SITE_RULE. Check."


def test_what_a_language_lacks_is_said_in_english(monkeypatch):
    full = words.read

    def partial(language):
        tables = full(language)
        if language == "ja":
            del tables["MAP_LOW"]
        return tables

    monkeypatch.setattr(words, "read", partial)
    assert Words("ja").text(alert("MAP_LOW", map5=58.0)).startswith("Bed b1: MAP 58 mmHg")
    assert Words("ja").text(alert("ART_CHECK")).startswith("ベッドb1")


def test_an_untranslated_language_is_a_clear_error():
    with pytest.raises(ConfigError, match="language 'de': one of en, fr, ja"):
        Words("de")


def test_the_composer_speaks_the_language_of_the_site():
    (event,) = low_pressure("ja").events(kind="MAP_LOW")
    assert event["text"].startswith("ベッドb1:平均動脈圧 58 mmHg")
