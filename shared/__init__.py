"""What every service needs and no service owns: events, bus, storage, tokens, HTTP. Names no business rule."""
