"""Report objects as table, JSON, Markdown."""
