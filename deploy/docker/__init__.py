"""Our one image: what is put into it and how its health is asked for."""
