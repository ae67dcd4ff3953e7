"""Runs the migrations of the inventory service."""

from mesh.runtime.migrate import run_environment

run_environment()
