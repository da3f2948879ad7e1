#!/usr/bin/env bash
# overlap.sh - steps that overlap perfectly. The longest chains take 2 s:
# packages; or the foreground, then the schema, then the service.
#
#   overlap.sh HOW
#
# HOW is async: the whole, with meanwhile; or chain: the longest chain alone.

foreground() { sleep 0.5; }
schema() { sleep 0.9; }
service() { sleep 0.6; }

case $1 in
    chain)
        foreground
        schema
        service
        ;;
    async)
        eval -- "$("$MEANWHILE" init bash)"
        async_run packages sleep 2
        async_run image sleep 1.2
        async_run database sleep 0.4
        foreground
        async_wait database
        async_runfunc schema
        async_run cache sleep 0.7
        async_wait schema
        async_runfunc service
        async_wait image service cache packages
        ;;
esac
