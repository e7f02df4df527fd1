{{/* An EnvoyFilter. (dict "root" $ "namespace" … "selector" … "gateways" … "context" … "clusters" the clusters' context) */}}
{{- define "icap-filter.envoy-filter" -}}
{{- $root := .root -}}
{{- $by := . -}}
{{- $isImage := ne $root.Values.module.source "file" -}}
# Needs Istio 1.29 or later: one before 1.28 drops allow_on_headers_stop_iteration without a word. See docs/deployment.md.
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata:
  name: icap-filter
  namespace: {{ .namespace }}
  labels:
    {{- include "icap-filter.labels" $root | nindent 4 }}
spec:
  # After other EnvoyFilters: so the filter is directly before the router, and behind what they insert.
  priority: 100
  {{- include "icap-filter.istio-target" $by | nindent 2 }}
  configPatches:
  {{- if $isImage }}
  # The filter, as a resource that the agent sees and fetches the module of.
  - applyTo: EXTENSION_CONFIG
    match: {context: {{ .context }}}
    patch:
      operation: ADD
      value:
        name: icap-filter
        typed_config:
          {{- include "icap-filter.filter" $root | nindent 10 }}
  # The same module in its second role.
  - applyTo: EXTENSION_CONFIG
    match: {context: {{ .clusters }}}
    patch:
      operation: ADD
      value:
        name: icap-transport
        typed_config:
          {{- include "icap-filter.transport" (dict "code" (include "icap-filter.code" $root) "root" $root) | nindent 10 }}
  {{- end }}
  # Directly before the filter, one that does nothing but look up the route. Where an earlier filter clears it (claims that
  # route, Lua), ours would otherwise read the metadata of the route that was chosen first, and a request could pass by the
  # rule of a route that it does not take.
  - applyTo: HTTP_FILTER
    match: &router
      context: {{ .context }}
      listener:
        filterChain:
          filter:
            name: envoy.filters.network.http_connection_manager
            subFilter: {name: envoy.filters.http.router}
    patch:
      operation: INSERT_BEFORE
      value:
        name: icap-filter-route-lookup
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
  # Before the router: after authentication, authorization and Istio's own filters.
  - applyTo: HTTP_FILTER
    match: *router
    patch:
      operation: INSERT_BEFORE
      value:
        name: icap-filter
        {{- if $isImage }}
        config_discovery:
          config_source: {ads: {}, initial_fetch_timeout: 0s, resource_api_version: V3}
          # Where the module cannot be had, the agent sends an RBAC filter that denies everything.
          type_urls:
          - type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
          - type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC
        {{- else }}
        typed_config:
          {{- include "icap-filter.filter" $root | nindent 10 }}
        {{- end }}
  # A request under scan is held in Envoy's buffer: the limit has to be larger than request_buffer_size_kb. It is for
  # uploads alone; the limits of connections and streams would also let downloads that nobody reads fill the memory.
  - applyTo: VIRTUAL_HOST
    match: {context: {{ .context }}}
    patch:
      operation: MERGE
      value:
        request_body_buffer_limit: {{ include "icap-filter.request-limit" $root }}
  - applyTo: NETWORK_FILTER
    match:
      context: {{ .context }}
      listener:
        filterChain:
          filter: {name: envoy.filters.network.http_connection_manager}
    patch:
      operation: MERGE
      value:
        name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          # Istio has no bound for a stream on which nothing moves. It also ends what a module that failed has left behind;
          # longer than response_timeout_ms, and than the longest silence of an application.
          stream_idle_timeout: {{ include "icap-filter.idle" $root }}
          http2_protocol_options:
            initial_stream_window_size: 1048576
  {{- $transport := dict }}
  {{- if $isImage }}
  {{- $source := dict "ads" dict "resource_api_version" "V3" }}
  {{- $types := list "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm" }}
  {{- if $root.Values.istio.transportMayDeny }}
  {{- $types = append $types "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC" }}
  {{- end }}
  {{- $transport = dict "name" "icap-transport" "config_discovery" (dict "config_source" $source "type_urls" $types) }}
  {{- else }}
  {{- $config := include "icap-filter.transport" (dict "code" (include "icap-filter.code" $root) "root" $root) | fromYaml }}
  {{- $transport = dict "name" "icap_transport" "typed_config" $config }}
  {{- end }}
  # The ICAP servers. A sidecar has one set of clusters, which the context SIDECAR_OUTBOUND fills.
  {{- range $root.Values.icapServers }}
  - applyTo: CLUSTER
    match: {context: {{ $by.clusters }}}
    patch:
      operation: ADD
      value:
        {{- include "icap-filter.cluster" (dict "server" . "root" $root "transport" $transport) | nindent 8 }}
  {{- end }}
{{- end -}}

{{/* Whom an EnvoyFilter is for. (dict "selector" … "gateways" …) */}}
{{- define "icap-filter.istio-target" -}}
{{- if .gateways -}}
targetRefs:
{{- range .gateways }}
- {group: gateway.networking.k8s.io, kind: Gateway, name: {{ . }}}
{{- end }}
{{- else if .selector -}}
workloadSelector:
  labels:
    {{- toYaml .selector | nindent 4 }}
{{- else -}}
{{- fail (printf "istio: the EnvoyFilter in %s has no selector: without one it would be for all proxies of the namespace" .namespace) -}}
{{- end -}}
{{- end -}}

{{/* The label of the metrics. (dict "root" $ "namespace" …) */}}
{{- define "icap-filter.metrics-labels" -}}
# Turns a profile's name in a metric into the label icap_profile. Proxies read it at their start, by an annotation of the
# pod in the same namespace: sidecar.istio.io/bootstrapOverride: icap-filter-bootstrap
apiVersion: v1
kind: ConfigMap
metadata:
  name: icap-filter-bootstrap
  namespace: {{ .namespace }}
  labels:
    {{- include "icap-filter.labels" .root | nindent 4 }}
data:
  custom_bootstrap.json: |
    {
      "stats_config": {
        "stats_tags": [
          {"tag_name": "icap_profile", "regex": "^wasmcustom\\.icap_filter\\.(profile\\.([A-Za-z0-9_-]+)\\.)"}
        ]
      }
    }
{{- end -}}
