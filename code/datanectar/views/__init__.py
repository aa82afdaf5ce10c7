"""The pages: what all of them share, and a package for each subject."""
