import pytest
import typer

from rkops import __version__
from rkops.cli.app import build_app, main
from rkops.cli.config import default_map
from rkops.core.errors import UsageError


def run(*argv: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(argv)
    return int(stop.value.code or 0)


@pytest.fixture
def config(tmp_path, monkeypatch):
    path = tmp_path / "rkops.toml"
    monkeypatch.setenv("RKOPS_CONFIG", str(path))
    return path


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()

    @app.command()
    def doctor(timeout: float = 10, fail_on: str = "error") -> None:
        typer.echo(f"{timeout} {fail_on}")

    @app.command()
    def deploy(timeout: float = 10) -> None:
        typer.echo(f"{timeout}")

    return app


def test_version(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out == f"rkops {__version__}\n"


def test_an_unknown_command_is_a_usage_error(capsys):
    assert run("docter") == 2
    assert "docter" in capsys.readouterr().err


def test_every_command_has_help_with_an_example():
    def leaves(command, name):
        for word, sub in getattr(command, "commands", {}).items():
            yield from leaves(sub, (*name, word))
        if not getattr(command, "commands", None):
            yield " ".join(name), command

    commands = dict(leaves(typer.main.get_command(build_app()), ()))
    assert len(commands) > 5
    lacking = [name for name, command in commands.items() if f"rkops {name}" not in command.help]
    assert lacking == []


def test_a_key_at_the_top_reaches_every_command_that_has_it(config, app):
    config.write_text('timeout = 3\n[doctor]\nfail-on = "warning"\n')
    assert default_map(app) == {
        "doctor": {"timeout": 3, "fail_on": "warning"},
        "deploy": {"timeout": 3},
    }


@pytest.mark.parametrize(
    ("text", "word"), [("tiemout = 3", "tiemout"), ("[docter]", "docter"), ("x = = 3", "line 1")]
)
def test_a_wrong_configuration_names_what_is_wrong(config, app, text, word):
    config.write_text(text)
    with pytest.raises(UsageError, match=word):
        default_map(app)
