"""Events, the endpoints that are told of them, and the sending of webhook messages."""
