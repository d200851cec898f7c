"""Datasets that grow by deliveries of their own, and the files of tasks."""
