"""(c) `rkops --help` and `rkops board ls` against `python -c "import typer"`."""

import sys
import tempfile
from pathlib import Path

import measure


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        inventory = Path(directory) / "boards.yaml"
        inventory.write_text(
            "boards:\n" + "".join(f"  b{n}: {{adb: 127.0.0.{n}}}\n" for n in range(1, 7))
        )
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "import typer": [sys.executable, "-c", "import typer"],
            "rkops --help": [measure.RKOPS, "--help"],
            "rkops board ls": [measure.RKOPS, "board", "ls", "--inventory", str(inventory)],
        }
        results = measure.in_turn(commands, runs=15)
    assert all(run.code == 0 for runs in results.values() for run in runs)
    reference = [run.seconds for run in results["import typer"]]
    print(measure.conditions())
    print("| command | s, median (min to max) of 15 | to import typer |\n|---|---|---|")
    for name, runs in results.items():
        print(measure.row(name, [run.seconds for run in runs], reference))


if __name__ == "__main__":
    main()
