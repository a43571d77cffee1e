"""A real Kafka and a real Elasticsearch on this machine, for the demo and the tests, and for nothing else."""
