package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/cluster/natstest/internal/rig"
)

// asNode is the variable of the environment that makes a process of this test a server of NATS.
const asNode = "GRPCSSE_TEST_NATS_NODE"

// node is a server of NATS in a process of its own, one of a cluster.
type node struct {
	Name    string
	Client  string // addresses
	Cluster string
	Monitor string
	Routes  []string
	Store   string

	process *rig.Process
	log     *os.File
}

func (n *node) String() string { return n.Name }

// play runs the server that the environment describes, until the process is killed.
func play() {
	text := os.Getenv(asNode)
	if text == "" {
		return
	}
	var n node
	if err := json.Unmarshal([]byte(text), &n); err != nil {
		panic(err)
	}
	var routes []*url.URL
	for _, address := range n.Routes {
		routes = append(routes, &url.URL{Scheme: "nats-route", Host: address})
	}
	host, port := split(n.Client)
	_, monitor := split(n.Monitor)
	_, cluster := split(n.Cluster)
	s, err := server.NewServer(&server.Options{
		ServerName: n.Name, Host: host, Port: port, HTTPHost: host, HTTPPort: monitor, NoSigs: true,
		JetStream: true, StoreDir: n.Store, JetStreamMaxMemory: 256 << 20, JetStreamMaxStore: 256 << 20,
		Cluster: server.ClusterOpts{Name: "chaos", Host: host, Port: cluster, NoAdvertise: true}, Routes: routes,
	})
	if err != nil {
		panic(err)
	}
	s.ConfigureLogger()
	s.Start()
	over := make(chan os.Signal, 1)
	signal.Notify(over, syscall.SIGTERM)
	<-over
	s.Shutdown()
	os.Exit(0)
}

func split(address string) (host string, port int) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		panic(err)
	}
	port, err = strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return host, port
}

// startNodes starts a cluster of three servers.
func startNodes(t *testing.T, dir string) (nodes []*node) {
	t.Helper()
	var routes []string
	for i := range 3 {
		n := &node{Name: fmt.Sprintf("nats-%d", i), Client: freeAddress(t), Cluster: freeAddress(t), Monitor: freeAddress(t)}
		n.Store = filepath.Join(dir, n.Name)
		var err error
		n.log, err = os.Create(filepath.Join(dir, n.Name+".log"))
		require.NoError(t, err)
		nodes, routes = append(nodes, n), append(routes, n.Cluster)
	}
	for _, n := range nodes {
		n.Routes = routes
		require.NoError(t, n.start())
		t.Cleanup(func() { assert.NoError(t, n.process.Kill()); assert.NoError(t, n.log.Close()) })
	}
	require.Eventually(t, func() bool {
		conn, js, err := connect(nodes[0])
		if err != nil {
			return false
		}
		defer conn.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = js.AccountInfo(ctx) // it needs a leader of JetStream
		return err == nil
	}, patience, 100*time.Millisecond, "JetStream has a leader")
	return nodes
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := rig.FreeAddress()
	require.NoError(t, err)
	return address
}

func (n *node) start() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	n.process, err = rig.Start(n.log, []string{asNode + "=" + string(text)}, program)
	return err
}

func connect(n *node) (*nats.Conn, jetstream.JetStream, error) {
	conn, err := nats.Connect("nats://"+n.Client, nats.Timeout(time.Second))
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(conn)
	return conn, js, err
}

// bucket is the stream that says who owns a key.
const bucket = "KV_grpcsse_chaos"

// deleteBucket deletes the bucket, where NATS lets it.
func deleteBucket(ctx context.Context, n *node) error {
	conn, js, err := connect(n)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return js.DeleteStream(ctx, bucket)
}

// copies returns how many servers keep the bucket.
func copies(ctx context.Context, n *node) (int, error) {
	conn, js, err := connect(n)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	s, err := js.Stream(ctx, bucket)
	if err != nil {
		return 0, err
	}
	return s.CachedInfo().Config.Replicas, nil
}

// subscriptions returns how many subscriptions each connection of a bridge has at the servers, by the connection's address.
func subscriptions(ctx context.Context, nodes []*node) (map[string][]string, error) {
	all := map[string][]string{}
	for _, n := range nodes {
		var page struct {
			Connections []struct {
				Name string   `json:"name"`
				Port int      `json:"port"`
				Subs []string `json:"subscriptions_list"`
			} `json:"connections"`
		}
		if err := get(ctx, "http://"+n.Monitor+"/connz?subs=1", &page); err != nil {
			return nil, err
		}
		for _, c := range page.Connections {
			if strings.HasPrefix(c.Name, "grpcsse") {
				all[fmt.Sprintf("%s:%d", n, c.Port)] = c.Subs
			}
		}
	}
	return all, nil
}

func get(ctx context.Context, url string, value any) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	return json.NewDecoder(response.Body).Decode(value)
}
