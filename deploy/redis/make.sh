#!/bin/sh
# Passwords, certificates and URLs for a Redis that others reach over a network: users of users.conf, TLS always.
#
#   deploy/redis/make.sh FOLDER HOST [CA]
#
# FOLDER gets, each for those alone who need it:
#   redis.conf                              for the server: users (hashes of their passwords), port 6379 by TLS
#   redis_cert.pem, redis_key.pem           for the server
#   redis_ca.pem                            for everybody: the authority that signed it
#   submitter_redis_url, worker_redis_url, serve_redis_url, monitor_redis_url
#                                           BULK_ACTIVATE_REDIS_URL of each part
#   redis_admin_password                    yours, as REDISCLI_AUTH with `--user bulk-admin`
# HOST is what clients call the server; CA is where they find redis_ca.pem (default: /run/secrets/redis_ca.pem).
# SERVER is where the server finds its own files (default: /run/secrets). The authority's key is thrown away:
# to change anything, make all anew. It needs openssl, and changes nothing that is there already.
set -eu
folder=$1 host=$2 ca=${3:-/run/secrets/redis_ca.pem} server=${SERVER:-/run/secrets}
here=$(dirname "$0")
umask 077
mkdir -p "$folder"
if [ -e "$folder/redis.conf" ]; then
  echo "$folder/redis.conf is there already: remove it, and what lies beside it, to make all anew" >&2
  exit 2
fi

random() { openssl rand -hex 32; }
hash() { printf %s "$1" | openssl dgst -sha256 -r | cut -d' ' -f1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $host in *[!0-9.]*) name=DNS:$host ;; *) name=IP:$host ;; esac
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=bulk activation" \
  -keyout "$work/ca.key" -out "$folder/redis_ca.pem" 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=$host" \
  -addext "subjectAltName=$name" -addext basicConstraints=CA:FALSE \
  -CA "$folder/redis_ca.pem" -CAkey "$work/ca.key" \
  -keyout "$folder/redis_key.pem" -out "$folder/redis_cert.pem" 2>/dev/null

grep '^user ' "$here/users.conf" >"$work/users"
for role in submitter worker serve monitor; do
  password=$(random)
  sed -i "s/^\\(user bulk-$role on \\)>CHANGE-ME/\\1#$(hash "$password")/" "$work/users"
  echo "rediss://bulk-$role:$password@$host:6379/0?ssl_ca_certs=$ca" >"$folder/${role}_redis_url"
done
password=$(random)
sed -i "s/^\\(user bulk-admin on \\)>CHANGE-ME/\\1#$(hash "$password")/" "$work/users"
echo "$password" >"$folder/redis_admin_password"
{
  echo "port 0"
  echo "tls-port 6379"
  echo "tls-cert-file $server/redis_cert.pem"
  echo "tls-key-file $server/redis_key.pem"
  echo "tls-ca-cert-file $server/redis_ca.pem"
  # Clients show who they are by user and password.
  echo "tls-auth-clients no"
  cat "$work/users"
} >"$work/redis.conf"
mv "$work/redis.conf" "$folder/redis.conf"
