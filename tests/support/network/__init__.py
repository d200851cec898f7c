"""Other parties on the loopback interface: receivers, mail servers, a network that lies."""
