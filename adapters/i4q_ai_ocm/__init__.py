"""The backend `ocm`: models and workloads on the managed clusters of an Open Cluster Management or ACM hub."""
