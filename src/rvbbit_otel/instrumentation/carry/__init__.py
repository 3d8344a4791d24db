"""Carry callers over to other threads, tasks and processes: a job belongs to whoever handed it over; work from a
shared place belongs to whoever put it there.
"""
