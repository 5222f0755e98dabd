"""Findings with permanent codes: facts in, outcome out."""
