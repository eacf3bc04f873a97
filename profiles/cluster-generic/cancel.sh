#!/bin/sh
# Delete jobs that wait or run. Usage: cancel.sh JOB...
set -eu
here=$(dirname "$0")
. "$here/begin.sh"
cancel "$@"
