"""The commands by which patients are screened, randomised, moved, and leave."""

from datetime import date
from typing import Annotated, Literal

import typer

from monitor_daemon.cli.client import (
    DEFAULT_SOCKET,
    LOGIN,
    Actor,
    Reason,
    Socket,
    Subject,
    Why,
    send,
    tell,
)
from monitor_daemon.cli.exits import stop
from monitor_daemon.control import requests
from monitor_daemon.core.errors import CommandError

Bed = Annotated[str, typer.Option(help="Bed alias.")]
Protocol = Annotated[str, typer.Option(help="Protocol id.")]
Arm = Annotated[str, typer.Option(help="Arm as in the protocol file; none if it has only one.")]
Randomised = Annotated[
    str | None, typer.Option(help="ISO 8601 with offset, or -MINUTES; default now.")
]
At = Annotated[str | None, typer.Option(help="ISO 8601 with offset, or -MINUTES; default now.")]
Weight = Annotated[float | None, typer.Option(help="Dosing weight in kg.")]
Floor = Annotated[float | None, typer.Option(help="This patient's own floor, mmHg.")]
Age = Annotated[int | None, typer.Option(help="Whole years; or give --birth-date.")]
BirthDate = Annotated[
    str | None, typer.Option(help="YYYY-MM-DD; the age is computed from it, it is not kept.")
]
Patient = Annotated[
    str | None, typer.Option(help="The hospital's id of the patient, as ADT sends it; not kept.")
]
Admitted = Annotated[
    bool | None, typer.Option("--admitted/--not-admitted", help="Whether he is in the ICU.")
]


def screen(  # noqa: PLR0913, PLR0917 - one for each option
    subject: Subject,
    bed: Bed,
    protocol: Protocol = "personalise",
    weight: Weight = None,
    age: Age = None,
    birth_date: BirthDate = None,
    admitted: Admitted = None,
    patient: Patient = None,
    actor: Actor = LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Look from now on whether a patient may be included; print the verdict."""
    request = requests.ScreenRequest(
        actor=actor,
        subject=subject,
        bed=bed,
        protocol=protocol,
        weight_kg=weight,
        age=age,
        birth_date=_date(birth_date),
        admitted=admitted,
        patient=patient,
    )
    tell(send(socket, request), f"{subject} is under screening")


def enrol(  # noqa: PLR0913, PLR0917 - one for each option
    subject: Subject,
    bed: Bed,
    weight: Annotated[float, typer.Option(help="Dosing weight in kg.")],
    arm: Arm = "",
    protocol: Protocol = "personalise",
    randomised: Randomised = None,
    floor: Floor = None,
    age: Age = None,
    birth_date: BirthDate = None,
    admitted: Admitted = None,
    patient: Patient = None,
    actor: Actor = LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Enrol a randomised patient."""
    request = requests.EnrolRequest(
        actor=actor,
        subject=subject,
        bed=bed,
        protocol=protocol,
        arm=arm,
        weight_kg=weight,
        randomised=randomised,
        floor=floor,
        age=age,
        birth_date=_date(birth_date),
        admitted=admitted,
        patient=patient,
    )
    tell(send(socket, request), f"{subject} is enrolled")


def randomise(  # noqa: PLR0913, PLR0917 - one for each option
    subject: Subject,
    arm: Arm = "",
    weight: Weight = None,
    randomised: Randomised = None,
    floor: Floor = None,
    age: Age = None,
    birth_date: BirthDate = None,
    admitted: Admitted = None,
    actor: Actor = LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """A patient under screening was randomised."""
    request = requests.RandomiseRequest(
        actor=actor,
        subject=subject,
        arm=arm,
        weight_kg=weight,
        randomised=randomised,
        floor=floor,
        age=age,
        birth_date=_date(birth_date),
        admitted=admitted,
    )
    tell(send(socket, request), f"{subject} is randomised")


def associate(
    subject: Subject,
    bed: Annotated[str | None, typer.Option(help="Bed alias.")] = None,
    no_bed: Annotated[bool, typer.Option("--no-bed", help="Connected to no devices.")] = False,
    since: Annotated[str | None, typer.Option(help="Since when; default now.")] = None,
    reason: Reason = None,
    actor: Actor = LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """A patient moved to another bed, or is connected to none."""
    if (bed is None) != no_bed:
        stop(CommandError("give --bed or --no-bed", code="USAGE"))
    request = requests.AssociateRequest(
        actor=actor, subject=subject, bed=bed, since=since, reason=reason
    )
    tell(send(socket, request), f"{subject} is in {bed or 'no bed'}")


def unblinding(
    subject: Subject,
    reason: Why,
    told: Annotated[str, typer.Option(help="Who was told. Never what was found.")],
    at: At = None,
    actor: Actor = LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Record that somebody was unblinded elsewhere; never what was found."""
    request = requests.UnblindingRequest(
        actor=actor, subject=subject, reason=reason, told=told, at=at
    )
    tell(send(socket, request), f"the unblinding of {subject} is recorded")


def sign_day(
    subject: Subject,
    day: Annotated[int, typer.Argument(help="0 is the day of randomisation.")],
    actor: Actor = LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Sign the record of a trial day as complete."""
    request = requests.SignDayRequest(actor=actor, subject=subject, day=day)
    tell(send(socket, request), f"D{day} of {subject} is signed")


def withdraw(
    subject: Subject,
    reason: Why,
    at: At = None,
    actor: Actor = LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """A patient was withdrawn from the trial."""
    request = requests.WithdrawRequest(actor=actor, subject=subject, reason=reason, at=at)
    tell(send(socket, request), f"{subject} is withdrawn")


def end(
    subject: Subject,
    reason: Why,
    outcome: Annotated[
        Literal["death", "discharge", "other"], typer.Option(help="What happened.")
    ] = "other",
    at: At = None,
    actor: Actor = LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """End the protocol for a patient."""
    request = requests.EndRequest(
        actor=actor, subject=subject, reason=reason, outcome=outcome, at=at
    )
    tell(send(socket, request), f"{subject} ended")


def _date(text: str | None) -> date | None:
    """A birth date; a wrong one is not repeated in the error."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        stop(CommandError("--birth-date: expected YYYY-MM-DD", code="BAD_VALUE"))
