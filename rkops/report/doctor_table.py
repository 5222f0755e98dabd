"""Write doctor's table while the boards answer."""

from collections.abc import Callable, Sequence

from rkops.report.columns import terminal_width
from rkops.report.doctor_lines import DoctorLines
from rkops.report.order import InOrder
from rkops.report.paper import Paper, paper
from rkops.services.doctor_report import BoardReport, DoctorReport

OnBoard = Callable[[BoardReport], None]


def write_doctor_table(
    names: Sequence[str],
    examine: Callable[[OnBoard], DoctorReport],
    *,
    everything: bool = False,
    sheet: Paper | None = None,
) -> DoctorReport:
    """Run `examine` and write each board as soon as it is known, then what concerns them all."""
    lines = DoctorLines(names, everything=everything, width=terminal_width())
    out = sheet or paper()
    done = 0

    def write_board(report: BoardReport) -> None:
        for line in lines.board(report):
            out.write(line)

    order = InOrder(names, write_board)

    def take(report: BoardReport) -> None:
        nonlocal done
        done += 1
        order.add(report.line.board, report)
        out.progress(f"{done} of {len(names)} boards")

    out.progress(f"asking {len(names)} boards")
    out.write(lines.header())
    try:
        report = examine(take)
    finally:
        order.close()
        out.close()
    for line in lines.end(report):
        out.write(line)
    return report
