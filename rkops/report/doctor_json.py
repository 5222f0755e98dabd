"""Doctor's report as JSON (`rkops.doctor/1`; its schema is in `schema/doctor.schema.json`)."""

import msgspec
from msgspec.structs import replace

from rkops.core.outcome import Severity, Status
from rkops.services.doctor_report import DoctorReport


def doctor_json(report: DoctorReport, *, fail_on: Severity, everything: bool = False) -> str:
    """Return the report as indented JSON; passes are left out unless `everything`."""
    if not everything:
        report = replace(
            report,
            findings=tuple(f for f in report.findings if f.status != Status.PASS),
            host=tuple(f for f in report.host if f.status != Status.PASS),
        )
    data = msgspec.to_builtins(report)
    ordered = {
        "schema": data.pop("schema"),
        "exit_code": int(report.exit_code(fail_on)),
        **data,
    }
    return msgspec.json.format(msgspec.json.encode(ordered), indent=1).decode()
