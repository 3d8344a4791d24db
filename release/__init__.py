"""What a release is made and tried with; nothing of it is installed with the package."""
