"""The only room that knows Faust: blocks come in, enriched or indexed blocks go out, and nothing falls between."""
