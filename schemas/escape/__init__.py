"""Ways out of a container: what may be one, who does it, and what that comes to."""
