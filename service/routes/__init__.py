"""HTTP in, HTTP out. A module per subject; each makes a blueprint of the parts it is given."""
