"""Recorded patients in the tidy CSV."""

import pytest

from drivers.kit.recording import Recording, plain_unit
from monitor_daemon.core.errors import ConfigError

HEADER = "time_s,signal,value,unit,source,order_id,event,available_s\n"


@pytest.fixture
def recording(tmp_path):
    def make(body, header=HEADER):
        file = tmp_path / "patient.csv"
        file.write_text(header + body)
        return Recording(file)

    return make


def test_a_signal_ends_at_its_last_row_and_an_infusion_with_the_file(recording):
    made = recording(
        "0,map_art,65,mmHg,chart,,,\n"
        "60,map_art,,mmHg,chart,,,\n"
        "120,map_art,70,mmHg,chart,,,\n"
        "30,ne_rate,0.1,mcg/kg/min,pump_chart,7,[Started],\n"
        "900,heart_rate,90,bpm,chart,,,\n"
    )
    pressure = made.track("map_art", "mmHg", from_s=30)
    assert [pressure.at(t) for t in (0, 30, 90, 91)] == [65, None, 70, None]
    dose = made.track("ne_rate", "ug/kg/min")
    assert [dose.at(t) for t in (29, 30, 900, 901)] == [None, 0.1, 0.1, None]


# The old bag finishes and the new one starts in the same second, in either order.
BAGS = [
    "100,ne_rate,0,mcg/kg/min,pump_chart,1,FinishedRunning,\n",
    "100,ne_rate,0.2,mcg/kg/min,pump_chart,2,[Started],\n",
]


@pytest.mark.parametrize("change", ["".join(BAGS), "".join(reversed(BAGS))])
def test_bag_change_in_one_second(recording, change):
    start = "0,ne_rate,0.2,mcg/kg/min,pump_chart,1,[Started],\n"
    made = recording(start + change + "200,heart_rate,90,bpm,chart,,,\n")
    every = made.track("ne_rate", "ug/kg/min", orders="sum")
    assert [every.at(t) for t in (0, 99, 100, 200)] == [0.2, 0.2, 0.2, 0.2]
    first = made.track("ne_rate", "ug/kg/min", orders={"1"})
    assert [first.at(t) for t in (99, 100)] == [0.2, 0.0]


@pytest.mark.parametrize(
    ("kwargs", "reason"),
    [
        ({"signal": "map"}, "no signal 'map'; there are: ne_rate"),
        ({"signal": "ne_rate"}, "2 orders: choose by order_id, or sum: true, or merge: true"),
        ({"signal": "ne_rate", "orders": "sum"}, "no order has a second row"),
        ({"signal": "ne_rate", "orders": {"9"}}, "no order 9"),
        ({"signal": "ne_rate", "unit": "mL/h", "orders": "sum"}, "in 'mcg/kg/min', not mL/h"),
    ],
)
def test_what_cannot_be_chosen_is_named(recording, kwargs, reason):
    made = recording(
        "0,ne_rate,0.2,mcg/kg/min,pump_chart,1,,\n9,ne_rate,0.2,mcg/kg/min,pump_chart,2,,\n"
    )
    with pytest.raises(ConfigError, match=r"patient\.csv: ") as caught:
        made.track(**{"unit": "ug/kg/min", **kwargs})
    assert reason in str(caught.value)


def test_ids_that_name_rows_are_merged(recording):
    made = recording(
        "0,ne_rate,4,mcg/min,pump_chart,1,,\n60,ne_rate,6,mcg/min,pump_chart,2,,\n"
        "120,ne_rate,0,unknown,pump_chart,3,,\n"
    )
    merged = made.track("ne_rate", "ug/min", orders="merge")
    assert [merged.at(t) for t in (0, 60, 120)] == [4, 6, 0]


def test_zero_without_a_unit_is_zero_in_any(recording):
    made = recording("0,ne_rate,0,unknown,pump_chart,1,,\n")
    assert made.track("ne_rate", "ug/min").at(0) == 0


@pytest.mark.parametrize(
    ("header", "body", "reason"),
    [
        ("a,b\n", "1,2\n", "no column"),
        (HEADER, "x,map,65,mmHg,,,,\n", "could not convert string to float: 'x'"),
        (HEADER, "1,map,high,mmHg,,,,\n", "could not convert string to float: 'high'"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(recording, header, body, reason):
    with pytest.raises(ConfigError) as caught:
        recording(body, header)
    assert "patient.csv" in str(caught.value)
    assert reason in str(caught.value)


def test_charted_units_in_our_spelling():
    charted = ["mcg/kg/min", "units/hour", "ml/hr", "bpm", "mmHg"]
    assert [*map(plain_unit, charted)] == ["ug/kg/min", "U/h", "mL/h", "1/min", "mmHg"]
