"""What a path is and how much it matters that somebody touches it: taxonomy, normalisation, matching, verdict."""
