"""`tetrastash check`: what would go wrong, before it does."""
