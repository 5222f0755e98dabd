"""An SSH server for simulated boards."""
