# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Keys, certificates and kubeconfigs of the lab's Kubernetes. Made anew by each `up`; everybody is known by a client
# certificate: what a pod says by its service account's token, the same name in a certificate says for a process.

PKI_ADDRESS=10.71.0.4 # kctl: API server, name server
PKI_SERVICE=10.0.0.1  # what pods know the API server by

# pki_key_cert FILE SUBJECT EXTENSIONS…: FILE.key and FILE.crt, signed by the lab's CA.
pki_cert() {
    local file=$1 subject=$2 ext options=()
    shift 2
    for ext; do options+=(-addext "$ext"); done
    openssl req -x509 -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" -days 30 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -subj "$subject" "${options[@]}" -addext basicConstraints=critical,CA:FALSE -keyout "$PKI/$file.key" -out "$PKI/$file.crt" 2>/dev/null ||
        die "openssl made no certificate for $subject"
}

# pki_user FILE NAME GROUP…: FILE.conf, a kubeconfig.
pki_user() {
    local file=$1 name=$2 subject group
    subject=/CN=$2
    shift 2
    for group; do subject=/O=$group$subject; done
    pki_cert "$file" "$subject" extendedKeyUsage=clientAuth
    cat >"$PKI/$file.conf" <<YAML
apiVersion: v1
kind: Config
clusters:
- {name: lab, cluster: {server: "https://$PKI_ADDRESS", certificate-authority-data: $(base64 -w0 <"$PKI/ca.crt")}}
users:
- name: $name
  user: {client-certificate-data: $(base64 -w0 <"$PKI/$file.crt"), client-key-data: $(base64 -w0 <"$PKI/$file.key")}
contexts:
- {name: lab, context: {cluster: lab, user: "$name"}}
current-context: lab
YAML
    rm "$PKI/$file.key" "$PKI/$file.crt"
}

pki_create() {
    local i jobs=() masters=system:masters accounts=system:serviceaccounts
    PKI=$LAB_STATE/pki
    install -d -m 700 "$PKI"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=lab -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature \
        -keyout "$PKI/ca.key" -out "$PKI/ca.crt" 2>/dev/null || die "openssl made no certificate authority"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$PKI/sa.key" 2>/dev/null
    openssl pkey -in "$PKI/sa.key" -pubout -out "$PKI/sa.pub"
    # Side by side: one after another they take a second.
    (
        pki_cert apiserver /CN=kube-apiserver extendedKeyUsage=serverAuth \
            "subjectAltName=DNS:kctl,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,IP:$PKI_ADDRESS,IP:$PKI_SERVICE,IP:127.0.0.1"
        pki_cert apiserver-kubelet /O=$masters/CN=kube-apiserver extendedKeyUsage=clientAuth
        pki_cert kueue-webhook /CN=kueue extendedKeyUsage=serverAuth subjectAltName=DNS:localhost,IP:127.0.0.1
        pki_user controller-manager system:kube-controller-manager
        pki_user scheduler system:kube-scheduler
        pki_user bridge system:serviceaccount:wattle-system:wattle-bridge $accounts
        pki_user agent system:serviceaccount:wattle-system:wattle-agent $accounts
    ) &
    jobs+=($!)
    (for i in admin mpi-operator kueue coredns kwok; do pki_user "$i" "$i" $masters; done) &
    jobs+=($!)
    for i in $(knode_names); do
        (
            pki_user "$i" "system:node:$i" system:nodes
            pki_cert "kubelet-$i" "/CN=$i" extendedKeyUsage=serverAuth "subjectAltName=DNS:$i,IP:$(host_address "$i")"
        ) &
        jobs+=($!)
    done
    for_all "${jobs[@]}"
}

# pki_give HOST FILE[=NAME]…: copies to the host's /etc/kubernetes.
pki_give() {
    local to=$LAB_STATE/hosts/$1/upper/etc/kubernetes file
    shift
    install -d -m 755 "$to"
    for file; do
        install -m 600 "$LAB_STATE/pki/${file%=*}" "$to/${file#*=}"
    done
}
