"""Simulated boards behind real ADB and SSH."""
