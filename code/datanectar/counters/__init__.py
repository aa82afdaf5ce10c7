"""What all processes of the service have counted together, kept in the run store's database."""
