#!/bin/sh
# pattern.sh BYTES - so many bytes, of which no two blocks are the same.
seq 1000000000 9999999999 | head -c "$1"
