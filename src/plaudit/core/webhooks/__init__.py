"""Webhook events, endpoints and messages, and the dispatcher that delivers them."""
