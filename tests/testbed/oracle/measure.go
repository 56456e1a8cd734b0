package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/rand"
	"slices"
	"strings"
	"time"

	clusterapiv1 "open-cluster-management.io/api/cluster/v1"
	clusterapiv1beta1 "open-cluster-management.io/api/cluster/v1beta1"
	"open-cluster-management.io/ocm/pkg/placement/controllers/scheduling"
)

// measurement is the time of one placement, and a digest of what was chosen, so that nothing else is compared with it.
type measurement struct {
	Name    string    `json:"name"`
	Seconds []float64 `json:"seconds"`
	Chosen  int       `json:"chosen"`
	SHA256  string    `json:"sha256"` // of the names chosen, in order, joined by ","
}

// measure times the scheduler alone: all clusters are given to it, as they are where one bound set holds them all.
func measure(ctx context.Context, asked *question, rounds int, out *json.Encoder) error {
	w, err := newWorld(asked)
	if err != nil {
		return err
	}
	scheduler := w.scheduler()
	random := rand.New(rand.NewSource(0)) // the controller takes clusters out of a map, in no order
	for _, placement := range asked.placements {
		found := measurement{Name: placement.Name}
		for range rounds {
			clusters := slices.Clone(asked.clusters)
			random.Shuffle(len(clusters), func(i, j int) { clusters[i], clusters[j] = clusters[j], clusters[i] })
			seconds, chosen := timed(ctx, scheduler, placement, clusters)
			found.Seconds = append(found.Seconds, seconds)
			found.Chosen, found.SHA256 = len(chosen), digest(chosen)
		}
		if err := out.Encode(found); err != nil {
			return err
		}
	}
	return nil
}

func timed(
	ctx context.Context, scheduler scheduling.Scheduler, placement *clusterapiv1beta1.Placement, clusters []*clusterapiv1.ManagedCluster,
) (float64, []*clusterapiv1.ManagedCluster) {
	began := time.Now()
	result, _ := scheduler.Schedule(ctx, placement, clusters)
	return time.Since(began).Seconds(), result.Decisions()
}

func digest(clusters []*clusterapiv1.ManagedCluster) string {
	names := make([]string, 0, len(clusters))
	for _, cluster := range clusters {
		names = append(names, cluster.Name)
	}
	sum := sha256.Sum256([]byte(strings.Join(names, ",")))
	return hex.EncodeToString(sum[:])
}
