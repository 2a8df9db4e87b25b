"""The protocol's own tables: every scenario here must come out as it is written."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from monitor_daemon.cli.rehearse import rehearse
from monitor_daemon.rehearsal.rehearse import rehearse_file

TABLES = sorted(Path(__file__).parent.glob("*.yaml"))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.stem)
def test_table(table):
    outcomes = list(rehearse_file(table))
    assert outcomes
    assert {outcome.name: outcome.differences for outcome in outcomes} == {table.stem: []}


def test_the_command_passes_all_tables():
    app = typer.Typer()
    app.command()(rehearse)
    result = CliRunner().invoke(app, [str(table) for table in TABLES])
    assert result.stdout.splitlines() == [f"PASS {table.stem}" for table in TABLES]
    assert result.exit_code == 0
