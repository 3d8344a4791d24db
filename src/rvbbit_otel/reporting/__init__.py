"""What people read: figures as words, a caller's tree, reports in several forms. It prints nothing."""
