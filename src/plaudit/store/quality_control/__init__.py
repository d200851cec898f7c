"""Statements for quality control: counted cases, control tasks, rules that people cross, pauses."""
