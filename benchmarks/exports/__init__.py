"""Exports of training files: their rates and their memory."""
