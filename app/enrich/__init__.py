"""Makes documents of lines: pure functions and one memory, whose only way to the outside is `filter`."""
