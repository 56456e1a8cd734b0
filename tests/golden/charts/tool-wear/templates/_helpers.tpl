{{- define "tool-wear.imageVolumes" -}}
{{- if and (eq .Values.imageVolumes "always") (semverCompare "<1.33-0" .Capabilities.KubeVersion.Version) }}
{{- fail "imageVolumes=always needs Kubernetes 1.33, with the feature gate ImageVolume" }}
{{- end }}
{{- if or (eq .Values.imageVolumes "always") (and (eq .Values.imageVolumes "auto") (semverCompare ">=1.35-0" .Capabilities.KubeVersion.Version)) -}}
true
{{- end }}
{{- end }}
