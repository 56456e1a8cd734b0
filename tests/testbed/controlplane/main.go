// The processes of a Kubernetes cluster and of Open Cluster Management in one program: what to be is its name, or its first argument.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	ocmfeature "open-cluster-management.io/api/feature"
	"open-cluster-management.io/ocm/pkg/cmd/hub"
	"open-cluster-management.io/ocm/pkg/cmd/spoke"
	"open-cluster-management.io/ocm/pkg/cmd/webhook"
	"open-cluster-management.io/ocm/pkg/features"
)

var commands = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllermanager.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
	"kube-proxy":              proxy.NewProxyCommand,
	"kubectl":                 kubectl.NewDefaultKubectlCommand,

	"placement":            hub.NewPlacementController,
	"work-hub":             func() *cobra.Command { return withWorkGates(hub.NewWorkController()) },
	"work-agent":           spoke.NewWorkAgent,
	"work-webhook":         webhook.NewWorkWebhook,
	"registration-hub":     func() *cobra.Command { return withRegistrationGates(hub.NewRegistrationController()) },
	"registration-agent":   spoke.NewRegistrationAgent,
	"registration-webhook": webhook.NewRegistrationWebhook,
}

// The hub's commands know their feature gates only if the program adds them.
func withWorkGates(command *cobra.Command) *cobra.Command {
	utilruntime.Must(features.HubMutableFeatureGate.Add(ocmfeature.DefaultHubWorkFeatureGates))
	features.HubMutableFeatureGate.AddFlag(command.Flags())
	return command
}

func withRegistrationGates(command *cobra.Command) *cobra.Command {
	utilruntime.Must(features.HubMutableFeatureGate.Add(ocmfeature.DefaultHubRegistrationFeatureGates))
	features.HubMutableFeatureGate.AddFlag(command.Flags())
	return command
}

func main() {
	name, arguments := filepath.Base(os.Args[0]), os.Args
	if _, known := commands[name]; !known && name != "etcd" && len(os.Args) > 1 {
		name, arguments = os.Args[1], os.Args[1:]
	}
	os.Args = arguments // kubectl and etcd read them before any flag is parsed
	if name == "etcd" {
		etcdmain.Main(arguments)
		return
	}
	command, known := commands[name]
	if !known {
		fmt.Fprintln(os.Stderr, "be one of these, by name or as the first argument: etcd")
		for known := range commands {
			fmt.Fprintln(os.Stderr, known)
		}
		os.Exit(2)
	}
	os.Exit(cli.Run(command()))
}
