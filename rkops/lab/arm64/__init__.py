"""arm64 boards: an arm64 Debian under qemu-user."""
