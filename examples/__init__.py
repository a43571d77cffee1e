"""Logs to try tetrastash on: public samples in corpus/, and as many generated events as are wanted."""
