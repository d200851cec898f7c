"""Measurement of the statistics of quality: CPU seconds and peak memory."""
