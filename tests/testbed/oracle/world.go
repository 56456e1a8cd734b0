package main

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"open-cluster-management.io/api/client/cluster/clientset/versioned"
	"open-cluster-management.io/api/client/cluster/clientset/versioned/fake"
	informers "open-cluster-management.io/api/client/cluster/informers/externalversions"
	"open-cluster-management.io/ocm/pkg/placement/controllers/metrics"
	"open-cluster-management.io/ocm/pkg/placement/controllers/scheduling"
	"open-cluster-management.io/ocm/pkg/placement/plugins/addon"
	"open-cluster-management.io/ocm/pkg/placement/plugins/tainttoleration"
)

// world is what the controller sees: informers whose stores are filled by hand.
type world struct {
	client   versioned.Interface
	present  informers.SharedInformerFactory // what the scheduler reads, with the decisions that stand already
	recorder events.EventRecorder
	metrics  *metrics.ScheduleMetrics
}

func newWorld(asked *question, objects ...runtime.Object) (*world, error) {
	clock := clocktesting.NewFakeClock(asked.now)
	tainttoleration.TolerationClock = clock
	addon.AddOnClock = clock
	client := fake.NewSimpleClientset(objects...)
	w := &world{
		client:   client,
		present:  informers.NewSharedInformerFactory(client, 0),
		recorder: &events.FakeRecorder{},
		metrics:  metrics.NewScheduleMetrics(clock),
	}
	return w, w.fill(asked)
}

func (w *world) fill(asked *question) error {
	cluster := w.present.Cluster()
	for _, err := range []error{
		stored(cluster.V1().ManagedClusters().Informer(), asked.clusters),
		stored(cluster.V1beta2().ManagedClusterSets().Informer(), asked.sets),
		stored(cluster.V1beta2().ManagedClusterSetBindings().Informer(), asked.bindings),
		stored(cluster.V1beta1().Placements().Informer(), asked.placements),
		stored(cluster.V1beta1().PlacementDecisions().Informer(), asked.decisions),
		stored(cluster.V1alpha1().AddOnPlacementScores().Informer(), asked.scores),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

func stored[T any](informer cache.SharedIndexInformer, objects []T) error {
	for _, object := range objects {
		if err := informer.GetStore().Add(object); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) scheduler() scheduling.Scheduler {
	cluster := w.present.Cluster()
	return scheduling.NewPluginScheduler(scheduling.NewSchedulerHandler(
		w.client,
		cluster.V1beta1().PlacementDecisions().Lister(),
		cluster.V1alpha1().AddOnPlacementScores().Lister(),
		cluster.V1().ManagedClusters().Lister(),
		w.recorder, w.metrics))
}
