"""`tetrastash ledger`: what was read, made, stored, lost and left out, and whether it adds up."""
