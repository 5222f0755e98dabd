"""Plain off a terminal, coloured and wrapped on one."""

import io
import subprocess
import sys

from rkops.report.columns import Span
from rkops.report.paper import PlainPaper, TerminalPaper, paper

LONG = (Span("  error    ", "bold red"), Span("RKN102  ", "bold"), Span("word " * 30))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_file_gets_plain_text() -> None:
    out = io.StringIO()
    sheet = paper(out)
    assert isinstance(sheet, PlainPaper)
    sheet.progress("1 of 2")
    sheet.write(LONG)
    sheet.close()
    assert out.getvalue().count("\n") == 1
    assert "\x1b" not in out.getvalue()


def test_a_terminal_gets_colours_and_lines_that_fit(monkeypatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    sheet = paper(out)
    assert isinstance(sheet, TerminalPaper)
    sheet.write(LONG)
    sheet.close()
    lines = out.getvalue().splitlines()
    assert "\x1b[1;31m" in lines[0]
    assert len(lines) > 2
    assert lines[1].startswith(" " * 19 + "word")


def test_no_color_is_obeyed(monkeypatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    paper(out).write((Span("red", "red"),))
    assert "31m" not in out.getvalue()


def test_a_dumb_terminal_gets_plain_text(monkeypatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(paper(Terminal()), PlainPaper)


def test_plain_text_does_not_import_rich() -> None:
    code = (
        "import sys, io\n"
        "from rkops.report.paper import paper\n"
        "import rkops.report.doctor_table\n"
        "paper(io.StringIO())\n"
        "sys.exit('rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
