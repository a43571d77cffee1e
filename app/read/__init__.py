"""What flows and what is stored, shown to a person at a terminal."""
