"""Who talks to whom: ends, flows, zones, services, and what of it is worth a look."""
