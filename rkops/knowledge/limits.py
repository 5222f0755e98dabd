"""The figures that checks judge by; a profile may change each."""

from functools import cache

from msgspec import Struct

from rkops.core.outcome import Severity
from rkops.knowledge.load import load
from rkops.knowledge.version import is_older


class Limits(Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """All limits, with their units in the names. Sources stand in `data/limits.yaml`."""

    driver_error_below: str
    driver_warning_below: str
    driver_info_below: str
    multicore_drivers: tuple[str, ...]
    multicore_kernel: str
    vendor_kernels: tuple[str, ...]
    temperature_warning_c: float
    temperature_error_c: float
    clock_seconds: float
    free_bytes: int
    cma_bytes: int
    memory_bytes: int

    def driver_level(self, version: str) -> tuple[Severity, str] | None:
        """Return how bad a driver version is and the limit it misses, or None when it is fine."""
        steps = (
            (Severity.ERROR, self.driver_error_below),
            (Severity.WARNING, self.driver_warning_below),
            (Severity.INFO, self.driver_info_below),
        )
        for severity, limit in steps:
            if is_older(version, limit):
                return severity, limit
        return None


@cache
def default_limits() -> Limits:
    """Return the limits that hold where no profile changes them."""
    return load("limits", Limits)
