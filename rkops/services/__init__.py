"""Use cases: return report objects, print nothing."""
