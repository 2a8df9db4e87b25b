"""What `status` shows of links, as a person reads it in a narrow terminal."""

import pytest
from typer import Typer
from typer.testing import CliRunner

from drivers.kit.link import LinkSpec
from drivers.kit.links import dial_link
from drivers.kit.probe import ProbeSink
from drivers.kit.registry import load_driver
from monitor_daemon.cli import status as status_command
from monitor_daemon.engine.entrance import Counts

GONE = "cannot open /dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0: it is in use"


def link(**told):
    plain = {"state": "live", "reason": "messages arrive", "since": "2026-01-01T08:00:00.000Z"}
    nothing = {"problems": {}, "faults": {}, "unmapped": {}, "unknown_beds": {}}
    return {**plain, "trouble_since": None, "messages": 7, **nothing, "unknown_drugs": {}, **told}


@pytest.fixture
def shown(monkeypatch):
    """Prints what a daemon with these links answers at 08:03."""

    def show(**links):
        found = {
            "site": "example",
            "version": "1",
            "now": "2026-01-01T08:03:00.000Z",
            "record": {"inputs": 1, "committed": None},
            "broker": {"connected": True},
            "links": links,
            "beds": {},
            "subjects": {},
        }
        monkeypatch.setattr(status_command, "send", lambda socket, request: found)
        app = Typer()
        app.command()(status_command.status)
        result = CliRunner().invoke(app, [], env={"COLUMNS": "80"})
        assert result.exit_code == 0, result.output
        return result.stdout

    return show


def test_links_here_are_told_in_the_words_of_the_daemon():
    """What `Daemon.status` says of a link: its own words and the counts of its entrance."""
    spec = LinkSpec("pumps", load_driver("bbraun_space"), ProbeSink())
    told = dial_link(spec, "127.0.0.1:4001").status() | Counts().plain()
    assert link().keys() <= told.keys()


def cells(text, row):
    """The cells of the row that begins with `row`, each of all its lines."""
    lines = [line[1:-1].split("│") for line in text.splitlines() if line.startswith("│")]
    at = next(n for n, line in enumerate(lines) if line[0].strip() == row)
    end = next((n for n in range(at + 1, len(lines)) if lines[n][0].strip()), len(lines))
    return ["".join(cell.strip() for cell in column) for column in zip(*lines[at:end], strict=True)]


def test_no_part_of_a_reason_is_cut_off(shown):
    text = shown(pumps=link(state="backing_off", reason=GONE))
    assert cells(text, "pumps")[3].replace(" ", "") == GONE.replace(" ", "")


@pytest.mark.parametrize(
    ("since", "words"),
    [
        ("2026-01-01T08:02:18.400Z", "42 s"),
        ("2026-01-01T08:01:01.000Z", "119 s"),
        ("2026-01-01T08:00:30.000Z", "2 min"),
        ("2026-01-01T05:04:00.000Z", "2 h"),
        ("2025-12-29T08:00:00.000Z", "3 d"),
    ],
)
def test_how_long_a_link_is_as_it_is(shown, since, words):
    assert cells(shown(pumps=link(since=since)), "pumps")[2] == words


def test_trouble_is_as_old_as_its_beginning_whatever_was_tried_since(shown):
    """An attempt to open was made two seconds ago, the port is gone for two hours."""
    at, began = "2026-01-01T08:02:58.000Z", "2026-01-01T06:00:00.000Z"
    text = shown(pumps=link(state="backing_off", since=at, trouble_since=began))
    assert cells(text, "pumps")[2] == "2 h"


def test_what_was_not_understood_is_counted_once(shown):
    text = shown(pumps=link(problems={"FRAME": 3}, faults={"FRAME": 3, "GNERR": 1}))
    assert text.count("FRAME") == 1
    assert text.count("GNERR") == 1
