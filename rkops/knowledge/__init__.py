"""Compatibility tables and known errors, as data with sources."""
