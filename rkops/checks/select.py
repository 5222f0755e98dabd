"""Which checks run: `--only` and `--skip`, by code or by the beginning of one."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from rkops.checks.registry import Check, all_checks
from rkops.core.errors import UsageError


def select_checks(only: Sequence[str] = (), skip: Sequence[str] = ()) -> tuple[Check, ...]:
    """Return the checks that `only` names (all, when empty) and `skip` does not, in code order.

    Raises:
        UsageError: a word names no check.
    """
    kept, dropped = split_codes(only), split_codes(skip)
    for word in (*kept, *dropped):
        known_prefix(word)
    return tuple(
        check
        for code, check in all_checks().items()
        if (not kept or code.startswith(kept)) and not (dropped and code.startswith(dropped))
    )


def split_codes(words: Iterable[str]) -> tuple[str, ...]:
    """Return the codes of `RKN112,rkp` and the like, upper case."""
    parts = (part.strip().upper() for word in words for part in word.split(","))
    return tuple(part for part in parts if part)


def known_prefix(word: str) -> None:
    """Accept a code or the beginning of one.

    Raises:
        UsageError: no check has such a code.
    """
    codes = all_checks()
    if any(code.startswith(word) for code in codes):
        return
    near = get_close_matches(word, codes, n=3)
    hint = f"did you mean {', '.join(near)}? " if near else ""
    raise UsageError(f"no check is called {word}", hint=f"{hint}rkops doctor --list names all")


def check_named(code: str) -> Check:
    """Return the check with exactly this code.

    Raises:
        UsageError: there is none.
    """
    wanted = code.strip().upper()
    known_prefix(wanted)
    if wanted in all_checks():
        return all_checks()[wanted]
    raise UsageError(
        f"{wanted} is the beginning of several codes", hint="rkops doctor --list names all"
    )
