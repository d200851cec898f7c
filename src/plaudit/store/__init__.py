"""The database: every SQL statement, and the engines that run them."""
