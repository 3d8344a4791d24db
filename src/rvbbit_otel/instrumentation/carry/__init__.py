"""What is handed over belongs to whoever handed it over, from its begin to its end; what takes its work from a shared place is nobody's."""
