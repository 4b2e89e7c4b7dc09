"""mosec (https://mosecorg.github.io/mosec/)."""
