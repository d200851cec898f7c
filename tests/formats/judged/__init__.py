"""Formats with several judges: Label Studio, Argilla, battles of two models."""
