"""The protocols' own tables: every scenario here must come out as it is written."""

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
    failed = {outcome.name: outcome.differences for outcome in outcomes if not outcome.passed}
    assert failed == {}


def test_the_command_passes_the_tables_of_a_rule():
    app = typer.Typer()
    app.command()(rehearse)
    tables = [table for table in TABLES if table.stem.startswith("R1-")]
    result = CliRunner().invoke(app, [str(table) for table in tables])
    assert result.stdout.splitlines() == [f"PASS {table.stem}" for table in tables]
    assert result.exit_code == 0
