"""The PostgreSQL engine: pages, their depth, and import; and servers for other benchmarks."""
