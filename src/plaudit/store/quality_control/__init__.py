"""Statements for quality control: counted cases, rules that people cross, and pauses."""
