"""Moves the data: the only place with Kafka, Faust, Elasticsearch, files and clocks."""
