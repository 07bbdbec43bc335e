# Watches over a server of a test: `sh -c <this> <name> <signal> <folder>`. Standard input comes from the test's process, which
# says on it which process is the server (`run <pid>`), that it has ended (`ended`), and that all is tidy (`closed`). Where the
# input ends before that, the test's process is gone, however that went: then the server goes, and its folder where one is named.
signal=$1 folder=$2 server=

children() {
  if [ ! -r /proc/self/stat ]; then
    ps -A -o ppid=,pid= | while read -r parent pid; do [ "$parent" = "$server" ] && echo "$pid"; done
    return
  fi
  for stat in /proc/[0-9]*/stat; do
    { read -r line <"$stat"; } 2>/dev/null || continue
    # pid (name) state parent …, and a name may hold anything.
    rest=${line##*) }
    rest=${rest#* }
    pid=${stat#/proc/}
    [ "${rest%% *}" = "$server" ] && echo "${pid%/stat}"
  done
}

# One that has ended, and that nobody has asked how, runs no more.
running() {
  kill -0 "$server" || return 1
  [ -r "/proc/$server/stat" ] || return 0
  read -r line <"/proc/$server/stat" || return 1
  case ${line##*) } in Z*) return 1 ;; esac
}

while read -r said pid; do
  case $said in
    run) server=$pid ;;
    ended) server= ;;
    closed) exit 0 ;;
  esac
done

if [ -n "$server" ]; then
  kill -CONT "$server" $(children)
  kill -"$signal" "$server"
  tries=0
  while running && [ $tries -lt 20 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
  kill -STOP "$server"
  kill -KILL "$server" $(children)
fi
[ -z "$folder" ] || rm -rf -- "$folder"
