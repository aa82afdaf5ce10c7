"""Commands about who may do what: named tokens and users, in the run store of this project."""
