"""The command `monitor-daemon`."""

import typer

from monitor_daemon.cli import (
    check,
    decode,
    demo,
    drivers,
    entries,
    logs,
    patients,
    rehearse,
    replay,
    run,
    status,
    verify,
)

app = typer.Typer(
    help="Checks, minute by minute, that patients of a shock trial are treated as their arm says.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(run.run)
app.command()(demo.demo)
app.command()(check.check)
app.add_typer(drivers.app, name="drivers")
app.command()(decode.decode)
app.command()(rehearse.rehearse)
app.command()(status.status)
app.command()(patients.screen)
app.command()(patients.enrol)
app.command()(patients.randomise)
app.command()(patients.associate)
app.command()(entries.observe)
app.command()(entries.correct)
app.command("range")(entries.set_range)
app.command()(entries.override)
app.command()(entries.achieved)
app.command()(entries.exempt)
app.command()(entries.stop_reason)
app.command()(entries.ack)
app.command()(entries.snooze)
app.command()(entries.code)
app.command()(entries.void)
app.command()(patients.unblinding)
app.command()(patients.sign_day)
app.command()(patients.withdraw)
app.command()(patients.end)
app.command()(verify.verify)
app.command()(replay.replay)


def main() -> None:
    """Entry point of the installed command."""
    logs.configure("warning")
    app(prog_name="monitor-daemon")


if __name__ == "__main__":
    main()
