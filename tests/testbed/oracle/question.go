package main

import (
	"encoding/json"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	clusterapiv1 "open-cluster-management.io/api/cluster/v1"
	clusterapiv1alpha1 "open-cluster-management.io/api/cluster/v1alpha1"
	clusterapiv1beta1 "open-cluster-management.io/api/cluster/v1beta1"
	clusterapiv1beta2 "open-cluster-management.io/api/cluster/v1beta2"
)

const (
	askedNamespace = "ai"
	askedName      = "p"
)

// line is how a question is written.
type line struct {
	Objects []json.RawMessage `json:"objects"`
	Now     *time.Time        `json:"now"`
}

// question is a world, and the placement in it that is asked for.
type question struct {
	clusters   []*clusterapiv1.ManagedCluster
	sets       []*clusterapiv1beta2.ManagedClusterSet
	bindings   []*clusterapiv1beta2.ManagedClusterSetBinding
	placements []*clusterapiv1beta1.Placement
	decisions  []*clusterapiv1beta1.PlacementDecision
	scores     []*clusterapiv1alpha1.AddOnPlacementScore
	now        time.Time
	refused    []string // what an API server would not have stored
}

func readCase(text []byte, schemas map[string]*schema) (*question, error) {
	var read line
	if err := utiljson.Unmarshal(text, &read); err != nil {
		return nil, err
	}
	asked := &question{now: time.Now()}
	if read.Now != nil {
		asked.now = *read.Now
	}
	for _, raw := range read.Objects {
		if err := asked.add(raw, schemas); err != nil {
			return nil, err
		}
	}
	return asked, nil
}

func (q *question) add(raw []byte, schemas map[string]*schema) error {
	var object map[string]any
	if err := utiljson.Unmarshal(raw, &object); err != nil {
		return err
	}
	kind := kindOf(fmt.Sprint(object["kind"]), fmt.Sprint(object["apiVersion"]))
	known, ok := schemas[kind]
	if !ok {
		return fmt.Errorf("no custom resource definition for %s", kind)
	}
	if refused := known.accept(object); len(refused) > 0 {
		q.refused = append(q.refused, refused...)
		return nil
	}
	switch object["kind"] {
	case "ManagedCluster":
		return appended(&q.clusters, object)
	case "ManagedClusterSet":
		return appended(&q.sets, object)
	case "ManagedClusterSetBinding":
		return appended(&q.bindings, object)
	case "Placement":
		return appended(&q.placements, object)
	case "PlacementDecision":
		return appended(&q.decisions, object)
	case "AddOnPlacementScore":
		return appended(&q.scores, object)
	}
	return fmt.Errorf("%s has no part in placing", kind)
}

func appended[T any](to *[]*T, object map[string]any) error {
	typed := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, typed); err != nil {
		return err
	}
	*to = append(*to, typed)
	return nil
}

func (q *question) placement() (*clusterapiv1beta1.Placement, error) {
	for _, each := range q.placements {
		if each.Namespace == askedNamespace && each.Name == askedName {
			return each, nil
		}
	}
	return nil, fmt.Errorf("there is no Placement %s/%s", askedNamespace, askedName)
}
