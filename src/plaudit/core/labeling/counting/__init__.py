"""Votes as rows of a table: those of submissions, and those that older stores lack."""
