"""What chains there are: their files are found, imported and described."""
