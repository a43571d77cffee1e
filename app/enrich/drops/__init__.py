"""Which events the user's policy leaves out: a file of rules, read and compiled once. Pure but for reading the file."""
