"""Checks: pure functions, facts in, outcome out. They never touch a board.

Each module of an area (`runtime`, `server`, `clocks` …) holds checks with permanent codes; a new
check is one function with `@check`, found when this package's modules are imported (`registry`).
"""
