"""Plugins of a test run: the order of its tests, and work that all tests share."""
