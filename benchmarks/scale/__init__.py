"""Measurement of a store of ten million tasks: building it, and its pages."""
