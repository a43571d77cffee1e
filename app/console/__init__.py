"""What operators and their monitoring ask a running process: health and metrics, on loopback by default."""
