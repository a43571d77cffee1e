"""Tetragon's events that a Sigma rule is about, made of the rule and of Tetragon's schema.

Nothing here knows how documents are made of events: it would else be right by the same mistake.
"""
