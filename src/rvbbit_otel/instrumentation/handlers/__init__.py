"""What a hooked call does, role by role: the fields of a call in; spans, sessions and contexts out."""
