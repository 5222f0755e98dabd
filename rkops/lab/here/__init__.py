"""The endpoint of the place where a process runs: its own shell and files."""
