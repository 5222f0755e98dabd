"""An ADB daemon for simulated boards: the real wire protocol, old manner and new."""
