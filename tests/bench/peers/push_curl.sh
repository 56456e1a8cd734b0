#!/bin/sh
# push_curl.sh FILE HOST REPOSITORY DIGEST: one POST, one PUT.
set -e
place=$(curl -sS -D - -o /dev/null -X POST "http://$2/v2/$3/blobs/uploads/" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
test "$(curl -sS -o /dev/null -w '%{http_code}' -T "$1" "$place&digest=$4")" = 201
