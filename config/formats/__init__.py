"""How the admin writes times and numbers."""
