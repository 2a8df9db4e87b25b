"""The command `monitor-daemon`."""

import typer

from monitor_daemon.cli import check, client, decode, demo, drivers, logs, rehearse, run, verify

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
app.command()(client.status)
app.command()(client.enrol)
app.command()(client.observe)
app.command()(client.ack)
app.command()(client.end)
app.command()(verify.verify)


def main() -> None:
    """Entry point of the installed command."""
    logs.configure("warning")
    app(prog_name="monitor-daemon")


if __name__ == "__main__":
    main()
