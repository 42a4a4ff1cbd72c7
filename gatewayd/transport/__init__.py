"""Bytes in and out: serial ports, TCP, UDP, memory, and the one loop that runs any sans-IO protocol on them."""
