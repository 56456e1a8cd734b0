package main

import (
	"context"
	"sort"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	informers "open-cluster-management.io/api/client/cluster/informers/externalversions"
	clusterapiv1 "open-cluster-management.io/api/cluster/v1"
	clusterapiv1beta1 "open-cluster-management.io/api/cluster/v1beta1"
	"open-cluster-management.io/ocm/pkg/placement/controllers/framework"
	"open-cluster-management.io/ocm/pkg/placement/controllers/scheduling"
)

// answer is what was decided for a placement; what the scheduler leaves nil stays null.
type answer struct {
	Filters      []scheduling.FilterResult               `json:"filters"`
	Prioritizers []scheduling.PrioritizerResult          `json:"prioritizers"`
	Scores       scheduling.PrioritizerScore             `json:"scores"`
	Ordered      []string                                `json:"ordered"`
	Decisions    []decision                              `json:"decisions"`
	Groups       []clusterapiv1beta1.DecisionGroupStatus `json:"groups"`
	Conditions   []metav1.Condition                      `json:"conditions"`
	Unscheduled  int                                     `json:"unscheduled"`
	Message      string                                  `json:"message,omitempty"`
}

type decision struct {
	Metadata metadata                                  `json:"metadata"`
	Status   clusterapiv1beta1.PlacementDecisionStatus `json:"status"`
}

type metadata struct {
	Name            string                  `json:"name"`
	Namespace       string                  `json:"namespace"`
	Labels          map[string]string       `json:"labels"`
	OwnerReferences []metav1.OwnerReference `json:"ownerReferences"`
}

// listening is the real scheduler; it keeps what the controller was told.
type listening struct {
	scheduling.Scheduler
	result scheduling.ScheduleResult
	status *framework.Status
}

func (l *listening) Schedule(
	ctx context.Context, placement *clusterapiv1beta1.Placement, clusters []*clusterapiv1.ManagedCluster,
) (scheduling.ScheduleResult, *framework.Status) {
	l.result, l.status = l.Scheduler.Schedule(ctx, placement, clusters)
	return l.result, l.status
}

// decide lets the real controller reconcile the placement once.
func decide(ctx context.Context, asked *question) (*answer, error) {
	placement, err := asked.placement()
	if err != nil {
		return nil, err
	}
	w, err := newWorld(asked, placement)
	if err != nil {
		return nil, err
	}
	scheduler := &listening{Scheduler: w.scheduler()}
	// The controller finds no decisions to patch, so it makes all of them anew, with their labels and owners; its scheduler sees those that stand.
	none := informers.NewSharedInformerFactory(w.client, 0)
	cluster := w.present.Cluster()
	controller := scheduling.NewSchedulingController(ctx, w.client,
		cluster.V1().ManagedClusters(), cluster.V1beta2().ManagedClusterSets(), cluster.V1beta2().ManagedClusterSetBindings(),
		cluster.V1beta1().Placements(), none.Cluster().V1beta1().PlacementDecisions(), cluster.V1alpha1().AddOnPlacementScores(),
		scheduler, w.recorder, w.metrics)
	defer controller.SyncContext().Queue().ShutDown()
	synced := controller.Sync(ctx, controller.SyncContext(), placement.Namespace+"/"+placement.Name)
	if scheduler.result == nil {
		return untouched(asked, placement), synced
	}
	told, err := w.client.ClusterV1beta1().Placements(placement.Namespace).Get(ctx, placement.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	if len(told.Status.Conditions) == 0 { // else its error only repeats that the placement is misconfigured, or a score too old
		return nil, synced
	}
	made, err := w.client.ClusterV1beta1().PlacementDecisions(placement.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	found := scheduler.answer()
	found.Decisions = decisionsOf(placement, made.Items)
	found.tell(told.Status)
	return found, nil
}

func (l *listening) answer() *answer {
	found := &answer{
		Filters:      l.result.FilterResults(),
		Prioritizers: l.result.PrioritizerResults(),
		Scores:       l.result.PrioritizerScores(),
		Unscheduled:  l.result.NumOfUnscheduled(),
		Message:      l.status.Message(),
	}
	for _, cluster := range l.result.Decisions() {
		found.Ordered = append(found.Ordered, cluster.Name)
	}
	return found
}

// untouched is what stands, where the controller leaves a placement alone.
func untouched(asked *question, placement *clusterapiv1beta1.Placement) *answer {
	var present []clusterapiv1beta1.PlacementDecision
	for _, each := range asked.decisions {
		present = append(present, *each)
	}
	found := &answer{Prioritizers: []scheduling.PrioritizerResult{}, Decisions: decisionsOf(placement, present)}
	found.tell(placement.Status)
	return found
}

func (a *answer) tell(status clusterapiv1beta1.PlacementStatus) {
	a.Groups = append([]clusterapiv1beta1.DecisionGroupStatus{}, status.DecisionGroups...)
	a.Conditions = append([]metav1.Condition{}, status.Conditions...)
	for i := range a.Conditions {
		a.Conditions[i].LastTransitionTime = metav1.Time{}
	}
}

// decisionsOf is the placement's decisions, in the order of their numbers.
func decisionsOf(placement *clusterapiv1beta1.Placement, all []clusterapiv1beta1.PlacementDecision) []decision {
	found := []decision{}
	for _, each := range all {
		if each.Namespace != placement.Namespace || each.Labels[clusterapiv1beta1.PlacementLabel] != placement.Name {
			continue
		}
		if each.Status.Decisions == nil {
			each.Status.Decisions = []clusterapiv1beta1.ClusterDecision{}
		}
		found = append(found, decision{metadata{each.Name, each.Namespace, each.Labels, each.OwnerReferences}, each.Status})
	}
	sort.SliceStable(found, func(i, j int) bool { return number(found[i]) < number(found[j]) })
	return found
}

func number(of decision) int {
	counted, _ := strconv.Atoi(of.Metadata.Name[strings.LastIndex(of.Metadata.Name, "-")+1:])
	return counted
}
