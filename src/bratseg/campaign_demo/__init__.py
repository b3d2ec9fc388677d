"""A whole campaign on phantoms in minutes: two hospitals, tiny networks, every stage of the method."""
