"""What tests share: servers to run against, and how to wait for a condition."""
