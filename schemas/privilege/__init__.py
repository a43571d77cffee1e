"""What a process may do more, or less, than before: differences of rights, their causes, and what they come to."""
