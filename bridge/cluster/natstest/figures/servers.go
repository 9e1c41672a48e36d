package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// natsServer is a process of nats-server.
type natsServer struct {
	*process
	file, address, prof string
	lab                 *lab
}

// startNATS starts one server, or several of one cluster, and returns when JetStream can be used.
func (l *lab) startNATS(ctx context.Context, g *group, servers int) ([]*natsServer, error) {
	at, err := ports(3 * servers)
	if err != nil {
		return nil, err
	}
	var all []*natsServer
	var routes, urls []string
	for i := range servers {
		routes = append(routes, "nats://"+at[3*i+1])
	}
	for i := range servers {
		dir, err := os.MkdirTemp(l.dir, "nats")
		if err != nil {
			return nil, err
		}
		s := &natsServer{file: filepath.Join(dir, "nats.conf"), address: at[3*i], prof: at[3*i+2], lab: l}
		text := fmt.Sprintf("server_name: n%d\nlisten: %q\nprof_port: %s\njetstream: {store_dir: %q}\n",
			i, s.address, s.prof[strings.LastIndex(s.prof, ":")+1:], dir)
		if servers > 1 {
			text += fmt.Sprintf("cluster: {name: figures, listen: %q, routes: [%q]}\n", at[3*i+1], strings.Join(routes, `", "`))
			text = strings.ReplaceAll(text, `\"`, `"`)
		}
		if err := os.WriteFile(s.file, []byte(text), 0o600); err != nil {
			return nil, err
		}
		if err := s.run(); err != nil {
			return nil, err
		}
		g.add(func() { s.end() })
		all, urls = append(all, s), append(urls, "nats://"+s.address)
	}
	return all, natsReady(ctx, urls, servers)
}

// run starts the process.
func (s *natsServer) run() (err error) {
	s.process, err = start(nil, s.lab.nats, "-c", s.file)
	return err
}

// natsReady waits until JetStream answers at every server, and a bucket with so many copies can be made.
func natsReady(ctx context.Context, urls []string, copies int) error {
	for _, url := range urls {
		err := until(ctx, "JetStream answers at "+url, func() bool {
			conn, err := nats.Connect(url)
			if err != nil {
				return false
			}
			defer conn.Close()
			js, err := jetstream.New(conn)
			if err != nil {
				return false
			}
			asking, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			_, err = js.CreateOrUpdateKeyValue(asking, jetstream.KeyValueConfig{Bucket: "probe", Replicas: copies, Storage: jetstream.MemoryStorage})
			if err != nil {
				return false
			}
			status, err := js.Stream(asking, "KV_probe")
			if err != nil {
				return false
			}
			info, err := status.Info(asking)
			if err != nil || copies == 1 {
				return err == nil
			}
			current := 0
			for _, r := range info.Cluster.Replicas {
				if r.Current {
					current++
				}
			}
			return current == copies-1
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// replica is a process of grpcsse.
type replica struct {
	*process
	lab               *lab
	file, url, health string
}

// plan says how replicas are set up.
type plan struct {
	upstream string
	nats     []*natsServer // none: without a cluster
	share    string        // of the route
}

// startReplica starts a process, and returns when it serves.
func (l *lab) startReplica(ctx context.Context, g *group, p plan) (*replica, error) {
	at, err := ports(2)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(l.dir, "grpcsse")
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf(`
server: {listen: %q, health: %q, drain_timeout: 1s, limits: {streams_per_client: unlimited, shared_streams: 100000}}
upstreams: {test: {target: %q}}
routes:
  - path: /watch/{topic}
    rpc: test.stream.v1.StreamService/Watch
    event: {id: sequence}
    request: {set: {after_sequence: "${last_event_id}"}}
    share: %s
`, at[0], at[1], p.upstream, p.share)
	if len(p.nats) > 0 {
		var urls []string
		for _, s := range p.nats {
			urls = append(urls, `"nats://`+s.address+`"`)
		}
		text += "cluster: {name: figures, secret_file: cluster.key, nats: {servers: [" + strings.Join(urls, ", ") + "]}}\n"
	}
	r := &replica{lab: l, file: filepath.Join(dir, "grpcsse.yaml"), url: "http://" + at[0], health: "http://" + at[1]}
	for file, text := range map[string]string{r.file: text, filepath.Join(dir, "cluster.key"): strings.Repeat("0123456789abcdef", 4)} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	if err := r.run(ctx); err != nil {
		return nil, err
	}
	g.add(func() { r.end() })
	return r, nil
}

// run starts the process, and returns when it serves.
func (r *replica) run(ctx context.Context) (err error) {
	if r.process, err = start(nil, r.lab.grpcsse, "serve", "--strict", "--config", r.file); err != nil {
		return err
	}
	err = until(ctx, "the replica serves", func() bool { return fetch(r.health+"/readyz") != "" })
	if err != nil {
		r.end()
		return fmt.Errorf("%w: %s", err, r.out)
	}
	return nil
}

// has reports whether the replica's end of a connection has an address.
func (r *replica) has(address string) bool {
	_, port, _ := net.SplitHostPort(address)
	number, _ := strconv.Atoi(port)
	want := fmt.Sprintf(":%04X", number)
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", r.pid()))
	own := map[string]bool{}
	for _, file := range files {
		target, _ := os.Readlink(file)
		own[strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")] = true
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, _ := os.ReadFile(table)
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 9 && strings.HasSuffix(f[1], want) && own[f[9]] {
				return true
			}
		}
	}
	return false
}
