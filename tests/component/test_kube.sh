#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The client of the Kubernetes API against a server of our own that plays faults. No network.
set -euo pipefail
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY KUBECONFIG KUBERNETES_SERVICE_HOST
exec python3 "$srcdir/tests/component/test_kube.py" "$@"
