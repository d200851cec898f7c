"""What tests of `plaudit pull` and `plaudit push` share."""
