"""`python -m meschain` is `meschain`."""

from meschain.entrypoints.cli import main

main()
