#!/bin/sh
# Prints what every agent does, as it changes. nats is the command-line tool of NATS.
exec nats --server "$1" --user board --password "$TALLY_TOKEN" --inbox-prefix _INBOX_board sub --raw 'tally.v1.main.agent.*.state'
