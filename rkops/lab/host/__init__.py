"""Host boards: namespaces over this machine's own user land."""
