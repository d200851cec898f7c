"""Reading a server's exports in partitions, for engines that work on many machines.

`plaudit.spark` and `plaudit.ray` are thin readers on it (docs/partitions.md).
"""
