"""What the data looks like, on disk, on the topics and in Elasticsearch. No I/O; imports nothing of ours."""
