"""Staffing: roles in projects, quotas, and what tasks ask of people."""
