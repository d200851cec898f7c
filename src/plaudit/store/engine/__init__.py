"""The databases: SQLite and PostgreSQL behind one interface, migrations, backup and checks."""
