"""Results that come by wire: refill times, laboratory values, and those taken back."""

from bedside import Bedside, ms

from monitor_daemon.core.decisions import Alert, Logged, Refused, Target
from monitor_daemon.core.events import Data, Sample


def charted(signal, value, at=None, quality="good"):
    return Data("chart", "B1", (Sample(signal, value, quality, None if at is None else ms(at)),))


def test_a_charted_refill_time_moves_the_target_like_an_entry():
    bedside = Bedside.active("permissive_vp03", until=10)
    out = bedside.give(10, charted("crt", 2.1, at=9.5))
    assert [d.target for d in out if isinstance(d, Target)] == [60.0]
    assert "STEP_DOWN" in [d.name for d in out if isinstance(d, Alert)]


def test_a_gateway_that_repeats_a_refill_time_enters_it_once():
    bedside = Bedside.active("permissive_vp03", until=10)
    bedside.give(10, charted("crt", 2.1, at=9.5))
    again = bedside.give(50, charted("crt", 2.1, at=9.5))
    assert [d for d in again if isinstance(d, Logged)] == []


def test_an_implausible_refill_time_is_refused_and_recorded():
    bedside = Bedside.active("permissive_vp03", until=10)
    (refused,) = bedside.give(10, charted("crt", 40.0))
    assert isinstance(refused, Refused)
    assert bedside.subject.target == 65.0


def test_a_laboratory_takes_a_result_back():
    bedside = Bedside.active(until=10)
    bedside.give(10, charted("lactate", 3.1, at=2))
    bedside.give(11, charted("lactate", 9.9, at=8))
    bedside.give(12, charted("lactate", None, at=8, quality="no_value"))
    assert bedside.bed.results.newest("lactate", ms(20)) == (ms(2), 3.1)


def test_a_venous_pressure_without_a_value_takes_nothing_back():
    bedside = Bedside.active(until=10)
    bedside.give(10, charted("cvp", 8.0, at=10))
    bedside.give(11, charted("cvp", None, at=11, quality="no_value"))
    assert bedside.bed.results.newest("cvp", ms(20)) == (ms(10), 8.0)
