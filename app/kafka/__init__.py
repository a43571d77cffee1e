"""Kafka as every command meets it: how to reach it, what its topics are like, who may do what, and why it fails."""
