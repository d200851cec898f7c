"""Requests and mail that Plaudit sends to servers of others, and where they may lead."""
