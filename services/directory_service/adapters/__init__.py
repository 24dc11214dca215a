"""What the directory needs from outside its rules: the keyed hash of partners' numbers."""
