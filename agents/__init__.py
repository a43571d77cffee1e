"""One file, one enrichment, one pure function."""
