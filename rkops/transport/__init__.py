"""One open connection to one board: adb or ssh."""
