#!/usr/bin/env bash
# The most telling ratios against quic-go and TCP with TLS 1.3, in less than 50 s: a line each,
#   RATIO name value target ok|short
# Medians of two interleaved rounds: for more than a glance use bench.sh. Needs root.
cd "$(dirname "$0")" && ROUNDS=${ROUNDS:-2} MB=${MB:-200} HOPS=1 PROTOS="tls quic caracal" REPORT=ratios exec ./bench.sh
