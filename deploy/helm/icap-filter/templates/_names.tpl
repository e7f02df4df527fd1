{{/* An image: repository with the digest, the tag or the chart's version. (dict "image" … "root" $) */}}
{{- define "icap-filter.image" -}}
{{- with .image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ default $.root.Chart.AppVersion .tag }}{{ end }}
{{- end -}}
{{- end -}}

{{- define "icap-filter.labels" -}}
app.kubernetes.io/part-of: icap-filter
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* The name of the scanner's Service. */}}
{{- define "icap-filter.scanner" -}}
c-icap.{{ .Release.Namespace }}.svc.cluster.local
{{- end -}}

{{/* Where an entry of icapServers is: a list of addresses and ports, as JSON. (dict "server" … "root" $) */}}
{{- define "icap-filter.endpoints" -}}
{{- if .server.endpoints -}}
{{- .server.endpoints | toJson -}}
{{- else if .root.Values.scanner.enabled -}}
{{- list (dict "address" (include "icap-filter.scanner" .root) "port" 1344) | toJson -}}
{{- else -}}
{{- fail (printf "icapServers: %s has no endpoints, and scanner.enabled is false: write endpoints: [{address: …, port: 1344}]" .server.cluster) -}}
{{- end -}}
{{- end -}}

{{/* The URL of the service of an entry of icapServers. (dict "server" … "root" $) */}}
{{- define "icap-filter.service-url" -}}
{{- $endpoint := index (include "icap-filter.endpoints" . | fromJsonArray) 0 -}}
{{- $tls := default dict .server.tls -}}
{{ ternary "icaps" "icap" (eq (toString $tls.enabled) "true") }}://{{ default $endpoint.address $tls.sni }}:{{ default 1344 $endpoint.port }}{{ .server.service }}
{{- end -}}

{{/* The plugin configuration, with the profiles' clusters and services filled in, as JSON. */}}
{{- define "icap-filter.configuration" -}}
{{- $root := . -}}
{{- $configuration := deepCopy .Values.configuration -}}
{{- $first := index .Values.icapServers 0 -}}
{{- $profiles := list -}}
{{- range $configuration.profiles -}}
{{- $cluster := default $first.cluster .cluster -}}
{{- $server := dict -}}
{{- range $root.Values.icapServers -}}
{{- if eq .cluster $cluster }}{{ $server = . }}{{ end -}}
{{- end -}}
{{- if not $server -}}
{{- fail (printf "configuration.profiles: %s names the cluster %s, which icapServers does not have" .name $cluster) -}}
{{- end -}}
{{- $url := default (include "icap-filter.service-url" (dict "server" $server "root" $root)) .service_url -}}
{{- $profiles = append $profiles (merge (dict "cluster" $cluster "service_url" $url) .) -}}
{{- end -}}
{{- set $configuration "profiles" $profiles | toJson -}}
{{- end -}}

{{/* The largest request_buffer_size_kb of the profiles. */}}
{{- define "icap-filter.largest-kb" -}}
{{- $largest := 0 -}}
{{- range .Values.configuration.profiles }}{{ $largest = max $largest (int64 (default 51200 .request_buffer_size_kb)) }}{{ end -}}
{{- $largest -}}
{{- end -}}

{{/* What Envoy may hold of an upload: more than the profiles do. */}}
{{- define "icap-filter.request-limit" -}}
{{- add (mul (include "icap-filter.largest-kb" . | int64) 1024) 2097152 -}}
{{- end -}}

{{/* The longest response_timeout_ms of the profiles, in seconds. */}}
{{- define "icap-filter.longest" -}}
{{- $longest := 0 -}}
{{- range .Values.configuration.profiles }}{{ $longest = max $longest (int64 (default 60000 .response_timeout_ms)) }}{{ end -}}
{{- div (add $longest 999) 1000 -}}
{{- end -}}

{{/* stream_idle_timeout: longer than any scan. */}}
{{- define "icap-filter.idle" -}}
{{- max 120 (mul 2 (include "icap-filter.longest" . | int64)) -}}s
{{- end -}}
