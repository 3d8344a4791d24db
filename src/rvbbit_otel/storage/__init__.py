"""The store: schema, audits and repair, over one small `Database` protocol that the embedded engine and a real server both meet."""
