"""The descriptor image as typed values: the method table and the field rules.

Imports nothing of the mesh. Start reading at `methods`.
"""
