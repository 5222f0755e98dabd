"""`rkops board`: the boards of the inventory."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rkops.cli.confirm import confirm
from rkops.cli.options import Format, FormatOpt, InventoryOpt, TimeoutOpt, YesOpt

if TYPE_CHECKING:
    from rkops.fleet.board import Board
    from rkops.services.boards import Added

SCHEMA = "rkops.boards/1"
_TIMEOUT = 10.0
_NO_IDENTITY = (
    "no identity: the board has no serial number and no network card of its own\n"
    "  rkops works on it all the same, but cannot tell when another board answers"
)


def _complete(incomplete: str) -> list[str]:
    from rkops.cli.complete import board_names

    return board_names(incomplete)


NameArg = Annotated[
    str, typer.Argument(metavar="NAME", help="The board's name.", autocompletion=_complete)
]
NewNameArg = Annotated[str, typer.Argument(metavar="NAME", help="A name for the board.")]


def _option(flag: str, metavar: str, text: str) -> Any:  # noqa: ANN401 - typer's own type is private
    return typer.Option(flag, metavar=metavar, help=text, show_default=False)


def add(
    name: NewNameArg,
    *,
    adb: Annotated[str | None, _option("--adb", "ADDR", "HOST or HOST:PORT (5555).")] = None,
    ssh: Annotated[str | None, _option("--ssh", "ADDR", "[USER@]HOST[:PORT] or an alias.")] = None,
    group: Annotated[list[str] | None, _option("--group", "GROUP", "May be repeated.")] = None,
    tag: Annotated[list[str] | None, _option("--tag", "TAG", "May be repeated.")] = None,
    user: Annotated[str | None, _option("--user", "USER", "The account that matters.")] = None,
    soc: Annotated[str | None, _option("--soc", "SOC", "Expected SoC. Default: rk3588.")] = None,
    sdk: Annotated[str | None, _option("--sdk", "VERSION", "Wanted RKNN version.")] = None,
    model_dir: Annotated[str | None, _option("--model-dir", "DIR", "Where models go.")] = None,
    python: Annotated[str | None, _option("--python", "PATH", "Interpreter to use.")] = None,
    key: Annotated[str | None, _option("--key", "FILE", "Private key file for ssh.")] = None,
    via: Annotated[str | None, _option("--via", "WAY", "adb or ssh: tried first.")] = None,
    inventory: InventoryOpt = None,
    timeout: TimeoutOpt = _TIMEOUT,
) -> None:
    """Add a board to the inventory and record who it is. A board that is off is added too.

    Example: rkops board add board1 --adb 192.168.1.222 --group rack-a --sdk 2.3.2
    """
    from rkops.services.boards import add_board

    values = {
        "adb": adb,
        "ssh": ssh,
        "via": via,
        "user": user,
        "key": key,
        "groups": tuple(group or ()),
        "tags": tuple(tag or ()),
        "soc": soc,
        "sdk": sdk,
        "model-dir": model_dir,
        "python": python,
    }
    _say_added(add_board(name, values, path=inventory, timeout_seconds=timeout))


def _say_added(added: "Added") -> None:
    board = added.board
    typer.echo(f"added {board.name} to {board.file}:{board.line}")
    for group in added.new_groups:
        typer.echo(f"new group {group}")
    if added.lost:
        typer.echo(f"not reached: {added.lost}", err=True)
        typer.echo("  its identity will be recorded at first contact", err=True)
        if added.lost.hint:
            typer.echo(f"  try: {added.lost.hint}", err=True)
    elif board.identity:
        typer.echo(f"identity {board.identity}")
    else:
        typer.echo(_NO_IDENTITY, err=True)
    _warn_twins(board.name, added.twins)


def _warn_twins(name: str, others: tuple[str, ...]) -> None:
    if others:
        typer.echo(
            f"warning: {', '.join(others)} has the same identity as {name}: one board with two"
            " addresses, or a cloned image",
            err=True,
        )


def ls(inventory: InventoryOpt = None, form: FormatOpt = Format.TABLE) -> None:
    """List the boards of the inventory. Asks no board.

    Example: rkops board ls --format json
    """
    from rkops.fleet.inventory import load_inventory
    from rkops.report.columns import plain_table, terminal_width

    known = load_inventory(inventory)
    boards = list(known.boards.values())
    if form is Format.JSON:
        _echo_json([_as_data(board) for board in boards])
        return
    if not boards:
        typer.echo(f"{known.path}: no boards yet", err=True)
        typer.echo("  try: rkops board add NAME --adb ADDRESS", err=True)
        return
    head = ("BOARD", "ADDRESS", "GROUPS", "TAGS", "SDK", "IDENTITY")
    rows = [_row(board) for board in boards]
    spare = ("TAGS", "GROUPS", "IDENTITY")
    typer.echo(plain_table(head, rows, width=terminal_width(), spare=spare))


def _row(board: "Board") -> tuple[str, ...]:
    addresses = " ".join(_ways(board))
    groups, tags = ",".join(board.groups), ",".join(board.tags)
    cells = (board.name, addresses, groups, tags, board.sdk, board.identity)
    return tuple(cell or "-" for cell in cells)


def _ways(board: "Board") -> list[str]:
    from rkops.fleet.address import as_text

    return [as_text(address) for address in board.addresses]


def show(name: NameArg, inventory: InventoryOpt = None, form: FormatOpt = Format.TABLE) -> None:
    """Show one board as the inventory describes it, group and default values filled in.

    Example: rkops board show board1
    """
    from rkops.fleet.inventory import load_inventory
    from rkops.services.boards import named

    data = _as_data(named(load_inventory(inventory), name))
    if form is Format.JSON:
        _echo_json([data])
        return
    for key, value in data.items():
        text = ", ".join(value) if isinstance(value, list) else value
        if text:
            typer.echo(f"{key:<10} {text}")


def _as_data(board: "Board") -> dict[str, Any]:
    from rkops.fleet.address import as_text

    return {
        "name": board.name,
        "adb": as_text(board.adb) if board.adb else None,
        "ssh": as_text(board.ssh) if board.ssh else None,
        "via": board.via,
        "key": board.ssh.key if board.ssh else None,
        "user": board.user,
        "groups": list(board.groups),
        "tags": list(board.tags),
        "soc": board.soc,
        "sdk": board.sdk,
        "model-dir": board.model_dir,
        "python": board.python,
        "identity": board.identity,
        "written": f"{board.file}:{board.line}",
    }


def _echo_json(boards: list[dict[str, Any]]) -> None:
    import json

    typer.echo(json.dumps({"schema": SCHEMA, "boards": boards}, indent=2, ensure_ascii=False))


def rm(name: NameArg, inventory: InventoryOpt = None, yes: YesOpt = False) -> None:
    """Take a board out of the inventory. The board itself is not touched.

    Example: rkops board rm board1 --yes
    """
    from rkops.fleet.inventory import load_inventory
    from rkops.services.boards import named, remove_board

    board = named(load_inventory(inventory), name)
    confirm(f"take {board.name} ({_ways(board)[0]}) out of {board.file}?", yes=yes)
    removed = remove_board(name, path=inventory)
    typer.echo(f"removed {removed.name} from {removed.file}")


def adopt(
    name: NameArg,
    inventory: InventoryOpt = None,
    timeout: TimeoutOpt = _TIMEOUT,
    yes: YesOpt = False,
) -> None:
    """Accept the board that answers now as NAME: after an exchange of the hardware.

    Example: rkops board adopt board1
    """
    from rkops.fleet.inventory import load_inventory
    from rkops.services.boards import adopt_board, named, see_identity, twins

    known = load_inventory(inventory)
    board = named(known, name)
    key = see_identity(board, timeout_seconds=timeout)
    if key == (board.identity or ""):
        typer.echo(f"{name} is {key or 'without an identity'}, as recorded: nothing to do")
        return
    now = key or "one without an identity"
    confirm(f"{name} was {board.identity or 'not recorded'}, is now {now}: accept it?", yes=yes)
    adopt_board(board, key)
    typer.echo(f"{name} is now {now} (was {board.identity or 'not recorded'})")
    if not key:
        typer.echo(_NO_IDENTITY, err=True)
    _warn_twins(name, twins(known, name, key))


def register(app: typer.Typer) -> None:
    """Add `rkops board`."""
    group = typer.Typer(no_args_is_help=True, help="The boards of the inventory.")
    commands: tuple[Callable[..., None], ...] = (add, ls, show, rm, adopt)
    for command in commands:
        group.command(command.__name__)(command)
    app.add_typer(group, name="board")
