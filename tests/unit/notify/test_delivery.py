"""The order of delivery, walked at random against a broker that may break at any time."""

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_daemon.journal.rows import OutboxRow
from monitor_daemon.notify.delivery import STRIKES, WINDOW, Delivery


def event(number):
    return OutboxRow("m/events", b"{}", retain=False, sequence=number, id=number)


def retained(number, topic="m/state", payload=b"{}"):
    return OutboxRow(topic, payload, retain=True, id=number)


def take_all(delivery):
    return [row.id for row in iter(delivery.take, None)]


def test_as_many_fly_as_the_window_allows():
    delivery = Delivery()
    rows = [event(n) for n in range(1, 31)]
    delivery.add(rows)
    assert take_all(delivery) == list(range(1, WINDOW + 1))
    delivery.acknowledged(rows[0])
    assert take_all(delivery) == [WINDOW + 1]


def test_the_newest_retained_row_of_a_topic_wins():
    delivery = Delivery()
    delivery.add([retained(1), retained(2, "m/other"), event(3), retained(4)])
    assert take_all(delivery) == [2, 3, 4]
    assert delivery.settled() == [1]


def test_rows_offered_and_fetched_go_out_once():
    delivery = Delivery()
    delivery.add([event(1)])
    delivery.add([event(1), event(2)])
    assert take_all(delivery) == [1, 2]


def test_after_a_break_suspects_go_one_at_a_time():
    delivery = Delivery()
    rows = [event(n) for n in range(1, 6)]
    delivery.add(rows)
    take_all(delivery)
    assert delivery.broken(by_broker=True) is None
    for row in rows:
        assert take_all(delivery) == [row.id]
        delivery.acknowledged(row)


def test_the_message_that_breaks_connections_is_found_and_the_others_go_on():
    delivery = Delivery()
    rows = {n: event(n) for n in range(1, 6)}
    delivery.add(rows.values())
    take_all(delivery)
    delivery.broken(by_broker=True)
    for number in (1, 2):
        assert take_all(delivery) == [number]
        delivery.acknowledged(rows[number])
    assert take_all(delivery) == [3]
    assert delivery.broken(by_broker=True) is None
    assert take_all(delivery) == [3]
    assert delivery.broken(by_broker=True) == rows[3]
    assert take_all(delivery) == [4]


def test_our_own_ending_of_a_connection_accuses_nobody():
    delivery = Delivery()
    delivery.add([event(1)])
    for _ in range(STRIKES + 1):
        assert take_all(delivery) == [1]
        assert delivery.broken(by_broker=False) is None


def test_a_flown_retained_row_gives_way_to_a_newer_one():
    delivery = Delivery()
    delivery.add([retained(1)])
    take_all(delivery)
    delivery.add([retained(2)])
    delivery.broken(by_broker=False)
    assert take_all(delivery) == [2]
    assert delivery.settled() == [1]


def test_what_stands_is_sent_again_to_a_broker_that_may_have_forgotten():
    delivery = Delivery()
    rows = [retained(1, "m/a"), retained(2, "m/b"), retained(3, "m/c"), retained(4, "m/b", b"")]
    for row in rows:
        delivery.add([row])
        take_all(delivery)
        delivery.acknowledged(row)
    delivery.broken(by_broker=True)
    delivery.add([retained(5, "m/c"), event(6)])
    delivery.reconnected()
    assert take_all(delivery) == [1, 5, 6]


ROWS = st.lists(
    st.one_of(st.just("event"), st.sampled_from(["m/a", "m/b", "m/c"])), min_size=1, max_size=40
)
STEPS = st.lists(st.sampled_from(["take", "take", "ack", "ack", "broken", "gave up", "add"]))


class Wire:
    """Delivery on one side, on the other a broker that takes what reaches it."""

    def __init__(self):
        self.delivery = Delivery()
        self.flying, self.seen, self.held, self.refused = [], [], {}, set()

    def take(self):
        if (row := self.delivery.take()) is not None:
            self.flying.append(row)

    def answer(self):
        if not self.flying:
            return
        row = self.flying.pop(0)
        if row.retain:
            self.held[row.topic] = row.id
        elif row.id not in self.seen:
            self.seen.append(row.id)
        self.delivery.acknowledged(row)

    def end(self, *, by_broker):
        self.flying.clear()
        guilty = self.delivery.broken(by_broker=by_broker)
        if guilty is not None:
            self.refused.add(guilty.id)
        self.delivery.reconnected()


@settings(max_examples=300, deadline=None)
@given(kinds=ROWS, steps=STEPS, batch=st.integers(1, 8))
def test_nothing_is_lost_and_events_keep_their_order(kinds, steps, batch):
    rows = [event(n) if k == "event" else retained(n, k) for n, k in enumerate(kinds, start=1)]
    batches = iter([rows[n : n + batch] for n in range(0, len(rows), batch)])
    wire = Wire()
    do = {
        "take": wire.take,
        "ack": wire.answer,
        "broken": lambda: wire.end(by_broker=True),
        "gave up": lambda: wire.end(by_broker=False),
        "add": lambda: wire.delivery.add(next(batches, [])),
    }
    for step in steps:
        do[step]()
    for rest in batches:
        wire.delivery.add(rest)
    while wire.delivery.waiting or wire.flying:
        wire.take()
        wire.answer()

    assert wire.seen == [r.id for r in rows if not r.retain and r.id not in wire.refused]
    for topic, number in {row.topic: row.id for row in rows if row.retain}.items():
        assert wire.held.get(topic) == number or number in wire.refused
    assert set(wire.delivery.settled()) | wire.refused == {row.id for row in rows}
