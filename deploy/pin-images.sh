#!/bin/sh
# Pins the images of others by digest: prints what compose.yaml takes in their place, a line each.
#
#   deploy/pin-images.sh > deploy/images.env
#   docker compose --env-file deploy/images.env --file deploy/compose.yaml up --detach --build
#
# It needs docker with buildx, and a registry: digests stand in no file here because none could be learned where
# these files were made. Keep images.env, and make it anew when you upgrade. On Kubernetes put the digests into
# `images:` of kubernetes/kustomization.yaml.
set -eu
here=$(dirname "$0")
{
  sed -n 's/.*\${\([A-Z]*_IMAGE\):-\([^}]*\)}.*/\1 \2/p' "$here/compose.yaml"
  sed -n 's/^ARG PYTHON=\(.*\)/PYTHON_IMAGE \1/p' "$here/Dockerfile"
} | sort -u | while read -r variable image; do
  digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$image")
  case $digest in sha256:*) echo "$variable=$image@$digest" ;; *) echo "no digest of $image" >&2; exit 1 ;; esac
done
