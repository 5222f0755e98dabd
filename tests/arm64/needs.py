"""What arm64 tests need, and whether going without is a skip or a failure."""

import os
from typing import NoReturn

import pytest


def go_without(reason: str) -> NoReturn:
    """Skip, naming the reason; fail where RKOPS_REQUIRE says that arm64 must be tested."""
    if "arm64" in os.environ.get("RKOPS_REQUIRE", "").split(","):
        pytest.fail(f"RKOPS_REQUIRE asks for arm64: {reason}")
    pytest.skip(reason)
