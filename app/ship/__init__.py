"""From files to Kafka: follow rotating logs, and send them as blocks of whole lines."""
