"""What a process's ancestors make of it: how it came onto the node, what it is called, what is suspicious about it."""
