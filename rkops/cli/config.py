"""Defaults of options from `rkops.toml`: flags over `RKOPS_*` over the file over the built-in ones.

The file is looked for as `rkops.toml` in the current directory, then `~/.config/rkops/rkops.toml`;
`RKOPS_CONFIG` names another one. A key at the top sets the option of that name in every command
that has it (`timeout = 20`), a table sets it for one command (`[doctor]`, `fail-on = "warning"`).
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from rkops.core.errors import UsageError


def config_file() -> Path | None:
    """Return the configuration file in force, or None."""
    if named := os.environ.get("RKOPS_CONFIG"):
        return Path(named)
    places = (Path("rkops.toml"), Path.home() / ".config" / "rkops" / "rkops.toml")
    return next((place for place in places if place.is_file()), None)


def default_map(app: typer.Typer) -> dict[str, Any] | None:
    """Return the defaults for click, or None without a configuration file.

    Raises:
        UsageError: the file cannot be read, or sets an option that does not exist.
    """
    path = config_file()
    if path is None:
        return None
    values = _read(path)
    commands = dict(_commands(typer.main.get_command(app), ()))
    known = {name for options in commands.values() for name in options}
    common = {_flag(key): value for key, value in values.items() if not isinstance(value, dict)}
    tables = {key: value for key, value in values.items() if isinstance(value, dict)}
    _refuse_unknown(path, common.keys() - known, known)
    _refuse_unknown(path, tables.keys() - {" ".join(name) for name in commands}, None)
    result: dict[str, Any] = {}
    for name, options in commands.items():
        own = {_flag(key): value for key, value in tables.get(" ".join(name), {}).items()}
        _refuse_unknown(path, own.keys() - options, options)
        level = result
        for part in name:
            level = level.setdefault(part, {})
        level.update({key: value for key, value in (common | own).items() if key in options})
    return result


def _read(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise UsageError(f"{path}: {exc}", hint="mend the file, or set RKOPS_CONFIG") from exc


def _flag(key: str) -> str:
    return key.replace("-", "_")


def _commands(command: Any, name: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], set[str]]]:  # noqa: ANN401 - typer vendors click and exports no type for it
    subcommands = getattr(command, "commands", None)
    if subcommands is None:
        yield name, {parameter.name for parameter in command.params}
        return
    for word, subcommand in subcommands.items():
        yield from _commands(subcommand, (*name, word))


def _refuse_unknown(path: Path, wrong: set[str], allowed: set[str] | None) -> None:
    if not wrong:
        return
    hint = "a table is named like a command: [doctor], ['board ls']"
    if allowed is not None:
        hint = "known: " + ", ".join(sorted(name.replace("_", "-") for name in allowed))
    raise UsageError(f"{path}: nothing is called {', '.join(sorted(wrong))}", hint=hint)
