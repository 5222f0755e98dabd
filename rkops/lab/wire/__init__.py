"""Wire boards: recorded boards in one process."""
