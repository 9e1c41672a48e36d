package app

import (
	"log/slog"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/cluster"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// joinCluster returns the option with which a bridge shares with other replicas, and a function that ends the program's part in
// the cluster. Without a cluster the option does nothing. secret is that of a trial; nil is one in the file that the section
// `cluster` names. The bridge must be closed before end is called.
func joinCluster(c *config.Cluster, secret []byte, log *slog.Logger) (option bridge.Option, end func(), err error) {
	if c == nil {
		return bridge.WithCluster(nil), func() {}, nil
	}
	var part *cluster.Cluster
	if secret != nil {
		part, err = cluster.ConnectWithSecret(c, secret, log)
	} else {
		part, err = cluster.Connect(c, log)
	}
	if err != nil {
		return nil, nil, &hintedError{err: err, hint: "without the section `cluster`, the bridge serves alone"}
	}
	log.Info("sharing with other replicas", "cluster", c.Name, "replica", part.Replica())
	return bridge.WithCluster(part), part.Close, nil
}
