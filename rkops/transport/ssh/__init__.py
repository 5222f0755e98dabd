"""The ssh transport: fabric and paramiko, with deadlines of our own."""
