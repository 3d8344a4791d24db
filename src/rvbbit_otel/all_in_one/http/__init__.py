"""HTTP for every listener: connections, request bodies and how they are unpacked, who is let in."""
