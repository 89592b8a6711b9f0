"""What moto lacks or gets wrong. Each module has one `install`, and can go once moto does the same."""
