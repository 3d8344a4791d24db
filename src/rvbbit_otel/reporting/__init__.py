"""Reports for people: figures in words, a caller's tree, reports in several forms. Nothing here prints."""
