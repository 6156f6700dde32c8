"""What the black-box tests share: the server under test, clients, and ways to wait."""
