"""The adb transport: a thin path to the adb server, beside adbutils."""
