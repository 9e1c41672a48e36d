package app

import (
	"log/slog"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/cluster"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// membership is the program's part in a cluster.
type membership struct {
	part *cluster.Cluster // nil where the bridge is alone
}

// join takes part in the cluster that a configuration describes. Without a cluster the membership does nothing. secret is that of a
// trial; nil is one in the file that the section `cluster` names.
func join(c *config.Cluster, secret []byte, log *slog.Logger) (m membership, err error) {
	switch {
	case c == nil:
		return membership{}, nil
	case secret != nil:
		m.part, err = cluster.ConnectWithSecret(c, secret, log)
	default:
		m.part, err = cluster.Connect(c, log)
	}
	if err != nil {
		return membership{}, &hintedError{err: err, hint: "without the section `cluster`, the bridge serves alone"}
	}
	log.Info("sharing with other replicas", "cluster", c.Name, "replica", m.part.Replica())
	return m, nil
}

// option has a bridge share.
func (m membership) option() bridge.Option {
	if m.part == nil {
		return bridge.WithCluster(nil)
	}
	return bridge.WithCluster(m.part)
}

// leave ends the part. The bridge must be closed before.
func (m membership) leave() {
	if m.part != nil {
		m.part.Close()
	}
}
