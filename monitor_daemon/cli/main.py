"""The command `monitor-daemon`."""

import sys

import typer
from typer.exceptions import TyperException

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
# A central venous pressure of -2 is a value and no option.
app.command(context_settings={"ignore_unknown_options": True})(entries.observe)
app.command(context_settings={"ignore_unknown_options": True})(entries.correct)
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
    """Entry point of the installed command; wrong use is said in one line, with its code."""
    logs.configure("warning")
    try:
        code = app(prog_name="monitor-daemon", standalone_mode=False)
    except TyperException as error:
        # Without any argument the help was printed and there is nothing more to say.
        if said := " ".join(error.format_message().split()).rstrip("."):
            said = said.replace("Value error, ", "")  # the library's own word, nobody's mistake
            context = getattr(error, "ctx", None)
            command = "monitor-daemon" if context is None else context.command_path
            typer.echo(f"USAGE: {said}; see {command} --help", err=True)
        code = error.exit_code
    sys.exit(code)


if __name__ == "__main__":
    main()
