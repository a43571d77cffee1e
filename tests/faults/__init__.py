"""Workers on a real Kafka and a real Elasticsearch, killed and paused at random, and what must be true after it."""
