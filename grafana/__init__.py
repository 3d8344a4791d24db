"""What Grafana shows of a store: SQL, the generator of dashboards and alert rules, and what it made."""
