"""What an order is, what may become of it, and what it is worth. Pure: no I/O, no clock.

Quantities are atomic units of the asset, money is cents, times are microseconds
since 1970.
"""
