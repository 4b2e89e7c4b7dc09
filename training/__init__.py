"""What makes a bundle: public data in, one file for the service out."""
