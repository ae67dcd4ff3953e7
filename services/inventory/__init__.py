"""The inventory service: assets, their prices and the platform's stock of them."""
