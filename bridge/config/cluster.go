package config

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// Cluster is the section `cluster`: several replicas of a bridge share the upstream streams of their shared routes.
type Cluster struct {
	// Name tells the replicas that share from others that use the same NATS.
	Name string
	// SecretFile is the path of a file with at least 32 bytes. The names of keys in NATS, and the keys of seals, are made from it.
	SecretFile string
	// Seal says that what replicas tell each other is encrypted and authenticated; true by default.
	Seal bool
	// NATS are the servers over which the replicas find and reach each other.
	NATS NATS
	// Replicas is how many servers of NATS keep who owns a key; 0, the default, is 3 where NATS has three servers or more, else 1.
	Replicas int
	// Patience is how long a replica waits for NATS before it serves alone; 2 s by default.
	Patience time.Duration
}

// NATS says how to connect to NATS. At most one of CredentialsFile, NKeyFile and User is set.
type NATS struct {
	// Servers are the URLs of servers of one NATS, such as nats://nats-0:4222.
	Servers []string
	// CredentialsFile is the path of a file with a JWT and its seed, as `nsc` writes it.
	CredentialsFile string
	// NKeyFile is the path of a file with the seed of a user's key.
	NKeyFile string
	// User has the password in PasswordFile.
	User, PasswordFile string
	// TLS is how to check the servers' certificates; nil leaves it to the servers whether there is TLS, and to the system's roots.
	TLS *NATSTLS
}

// NATSTLS is TLS to NATS. The files are in PEM. CertFile and KeyFile are the certificate of the bridge: both or none.
type NATSTLS struct {
	CAFile, CertFile, KeyFile string
}

// leastClusterSecret is how long the secret of a cluster is at least, in bytes.
const leastClusterSecret = 32

// natsServer matches the URL of a server of NATS. The user and the password stand elsewhere.
var natsServer = regexp.MustCompile(natsServerPattern)

const (
	natsServerPattern  = `^(nats|tls)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`
	clusterNamePattern = `^[A-Za-z0-9_-]{1,32}$`
	natsUserPattern    = `^[!-~]+$`
)

// cluster is the field of the section.
func (d *decoder) cluster(s *Server) field {
	return optional(d, "cluster", "Several replicas share the upstream streams of shared routes, over NATS. Left out, each reads its own.",
		`{name: prod, secret_file: cluster.key, nats: {servers: ["nats://nats-0:4222"]}}`, &s.Cluster, freshCluster, d.clusterKeys).
		reading(func(n *node) { s.Cluster = d.readCluster(n) }).inMain()
}

// NewCluster returns the settings with which the replicas of one name share over NATS. Every setting beside these two has the default
// that it has in a file. SecretFile has none. [NATS.Validate] checks the servers.
func NewCluster(name string, servers ...string) *Cluster {
	c := freshCluster()
	c.Name, c.NATS.Servers = name, servers
	return c
}

// Validate returns the problems of settings that were made or changed in Go: the same that they would have in a file.
func (t *NATS) Validate() Problems {
	var c collector
	d := &decoder{collector: &c}
	root := &node{kind: mapping, pos: nowhere()}
	treeWriter{collector: &c}.fields(root, d.natsKeys(t))
	d.nats(root, &NATS{})
	return c.placed(source{path: "cluster.nats"})
}

func freshCluster() *Cluster { return &Cluster{Seal: true, Patience: 2 * time.Second} }

func (d *decoder) clusterKeys(c *Cluster) []field {
	name := regexp.MustCompile(clusterNamePattern)
	return []field{
		key("name", "Tells the replicas that share from others that use the same NATS.", &c.Name,
			words(d.textThat("a name of up to 32 letters, digits, `-` and `_`", name.MatchString)).as(matching(clusterNamePattern))).needed(),
		key("secret_file", "The path of a file with a secret of at least 32 bytes, the same for all replicas.", &c.SecretFile, words(d.clusterSecret)).needed(),
		key("seal", "Whether what replicas tell each other is encrypted.", &c.Seal, d.flag()),
		d.section("cluster.nats", "How to connect to NATS.", `{servers: ["nats://nats-0:4222"]}`, func() []field { return d.natsKeys(&c.NATS) }).
			demanding(natsRule).reading(func(n *node) { d.nats(n, &c.NATS) }).needed(),
		key("replicas", "How many servers of NATS keep who owns a key. auto is 3 where there are three servers, else 1.", &c.Replicas, d.countOrWord(auto)),
		key("patience", "How long a replica waits for NATS before it serves alone.", &c.Patience, durations(d.positive, positiveForm)),
	}
}

func (d *decoder) natsKeys(to *NATS) []field {
	return []field{
		key("servers", "The URLs of the servers.", &to.Servers,
			texts(`["nats://nats-0:4222"]`, notEmptyForm(listForm(stringMatching(natsServerPattern))), d.natsServers)).needed(),
		key("credentials_file", "The path of a file with the credentials of a user, as nsc writes it.", &to.CredentialsFile, words(d.path)),
		key("nkey_file", "The path of a file with the seed of a user's key.", &to.NKeyFile, words(d.path)),
		key("user", "The name of a user with a password.", &to.User,
			words(d.textThat("a name without blanks", regexp.MustCompile(natsUserPattern).MatchString)).as(matching(natsUserPattern))),
		key("password_file", "The path of a file with the user's password.", &to.PasswordFile, words(d.passwordFile)),
		optional(d, "cluster.nats.tls", "How the servers' certificates are checked. {} demands TLS, with the system's roots.",
			"{ca_file: ca.pem}, or {} for the system's roots", &to.TLS, func() *NATSTLS { return &NATSTLS{} }, d.natsTLSKeys).
			demanding(together("cert_file", "key_file")).reading(func(n *node) { to.TLS = d.natsTLS(n) }),
	}
}

func (d *decoder) natsTLSKeys(t *NATSTLS) []field {
	return []field{
		key("ca_file", "The path of the certificates that may have signed the servers'.", &t.CAFile, words(d.path)),
		key("cert_file", "The path of the bridge's own certificate chain, in PEM.", &t.CertFile, words(d.path)),
		key("key_file", "The path of the certificate's private key, in PEM.", &t.KeyFile, words(d.path)),
	}
}

func (d *decoder) readCluster(n *node) *Cluster {
	c := freshCluster()
	if !d.isMapping(n, "cluster") {
		return nil
	}
	d.fields(n, "cluster", d.clusterKeys(c))
	d.missing(n, "name", "a name that all replicas have")
	d.missing(n, "secret_file", "the path of a file with a secret, as `openssl rand -hex 32` makes one")
	d.missing(n, "nats", `where NATS is, such as {servers: ["nats://nats-0:4222"]}`)
	if given := n.child("replicas"); given != nil && c.Replicas > mostReplicas {
		d.problem(given, "", "expected at most %d, which is what NATS allows, found %s", mostReplicas, given.found())
	}
	if seal := n.child("seal"); seal != nil && !c.Seal && !c.NATS.private() {
		d.warn(seal, "leave it out, or use tls:// and TLS for each server",
			"without a seal, everybody on the way to NATS can read the events of all routes, and make up others")
	}
	return c
}

// checkCluster warns of a cluster in which no route takes part.
func (s *sections) checkCluster(server *Server) {
	n := s.root.child("cluster")
	if n == nil || server.Cluster == nil || s.reports > 0 || s.annotated() {
		return // a mistake, or a schema, may have what seems to be missing
	}
	if !slices.ContainsFunc(s.allRoutes, func(r *mappedRoute) bool { return r.Share != nil && r.Share.Cluster }) {
		s.warn(n, "give a route `share: {late_join: latest}`, where its streams are the same for all browsers",
			"replicas share only the streams of routes with `share`, and no route has it: this section has no effect")
	}
}

// mostReplicas is how many servers of NATS may keep a bucket.
const mostReplicas = 5

func (d *decoder) nats(n *node, to *NATS) {
	if !d.isMapping(n, "cluster.nats") {
		return
	}
	d.fields(n, "cluster.nats", d.natsKeys(to))
	d.missing(n, "servers", `the URLs of the servers, such as ["nats://nats-0:4222"]`)
	ways := []string{"credentials_file", "nkey_file", "user"}
	first := ""
	for _, way := range ways {
		switch given := n.child(way); {
		case given == nil:
		case first == "":
			first = way
		default:
			d.add(given.key.problem(given.path, "`"+way+"` and `"+first+"` are two ways to say who the bridge is: expected one of them", ""))
		}
	}
	if n.child("user") != nil {
		d.missing(n, "password_file", "the path of a file with the password of `user`")
	}
	if n.child("password_file") != nil {
		d.missing(n, "user", "the user of `password_file`")
	}
}

func (d *decoder) natsTLS(n *node) *NATSTLS {
	t := &NATSTLS{}
	d.fields(n, "cluster.nats.tls", d.natsTLSKeys(t))
	if n.child("cert_file") != nil {
		d.missing(n, "key_file", "the private key of `cert_file`")
	}
	if n.child("key_file") != nil {
		d.missing(n, "cert_file", "the certificate of `key_file`")
	}
	return t
}

// natsServers reads the URLs of one or more servers.
func (d *decoder) natsServers(n *node) ([]string, bool) {
	return notEmpty(d, "the URL of a server such as nats://nats-0:4222", listOf(d, `["nats://nats-0:4222"]`, d.natsServer))(n)
}

func (d *decoder) natsServer(n *node) (string, bool) {
	const what = "the URL of a server of NATS, such as nats://nats-0:4222 or tls://nats-0:4222"
	if !d.isScalar(n, what) {
		return "", false
	}
	text := n.text()
	if natsServer.MatchString(text) {
		return text, true
	}
	hint := ""
	switch u, err := url.Parse(text); {
	case err == nil && u.User != nil && u.Host != "":
		d.problem(n, "write them as `user` and `password_file`", "expected %s without a user and a password, found some", what)
		return "", false
	case natsServer.MatchString("nats://" + text):
		hint = "did you mean `nats://" + text + "`?"
	}
	d.expected(n, what, hint)
	return "", false
}

// clusterSecret reads the path of a file with the secret of a cluster. No problem shows any of it.
func (d *decoder) clusterSecret(n *node) (string, bool) {
	text, ok := d.secretFile(n)
	if !ok {
		return "", false
	}
	if len(text) < leastClusterSecret {
		d.problem(n, "make one with `openssl rand -hex 32`", "expected a secret of at least %s bytes in the file %s, found %d",
			strconv.Itoa(leastClusterSecret), n.shown(), len(text))
		return "", false
	}
	return d.path(n)
}

// passwordFile reads the path of a file with a password.
func (d *decoder) passwordFile(n *node) (string, bool) {
	if _, ok := d.secretFile(n); !ok {
		return "", false
	}
	return d.path(n)
}

// private reports whether all servers are reached over TLS or on this machine.
func (t *NATS) private() bool {
	for _, server := range t.Servers {
		u, err := url.Parse(server)
		if err != nil || t.TLS == nil && u.Scheme != "tls" && !isLoopbackHost(u.Hostname()) {
			return false
		}
	}
	return true
}
