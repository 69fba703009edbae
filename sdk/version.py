"""The program's version and the protocol between clients and host."""

VERSION = "0.1.0"
PROTOCOL = 1
"""Major number of the control protocol: equal numbers work together in both directions."""
