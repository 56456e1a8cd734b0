// Marks the root of this program only: it is built with ../controlplane/go.mod, so that both hold the same Open Cluster Management.
module example.invalid/i4q-ai/testbed/oracle

go 1.25.0
