{{/* Where Envoy gets the module from. */}}
{{- define "icap-filter.code" -}}
{{- if eq .Values.module.source "file" -}}
local: {filename: /var/local/icap-filter/plugin.wasm}
{{- else -}}
remote:
  http_uri:
    # The proxy's agent fetches it.
    uri: oci://{{ include "icap-filter.image" (dict "image" .Values.module.image "root" .) }}
    cluster: _
    timeout: 30s
  # The agent takes "nil" for unset: an image's digest is in its name.
  sha256: nil
{{- end -}}
{{- end -}}

{{/* The filter's typed_config. */}}
{{- define "icap-filter.filter" -}}
"@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
config:
  name: icap_filter
  # Required: without it Envoy hands over no body while the headers are held.
  allow_on_headers_stop_iteration: true
  failure_policy: FAIL_RELOAD
  vm_config:
    vm_id: icap-filter
    runtime: envoy.wasm.runtime.v8
    code:
      {{- include "icap-filter.code" . | nindent 6 }}
  configuration:
    "@type": type.googleapis.com/google.protobuf.Struct
    value:
      {{- include "icap-filter.configuration" . | fromJson | toYaml | nindent 6 }}
{{- end -}}

{{/* The same module in its second role, inside the ICAP clusters. (dict "code" … "root" $) */}}
{{- define "icap-filter.transport" -}}
"@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
config:
  name: icap_transport
  failure_policy: FAIL_RELOAD
  vm_config:
    # Not the filter's.
    vm_id: icap-transport
    runtime: envoy.wasm.runtime.v8
    code:
      {{- .code | nindent 6 }}
  configuration:
    "@type": type.googleapis.com/google.protobuf.Struct
    value: {role: transport}
{{- end -}}

{{/* A cluster of ICAP servers. (dict "server" … "root" $ "transport" the entry of http_filters) */}}
{{- define "icap-filter.cluster" -}}
{{- $server := .server -}}
{{- $root := .root -}}
{{- $endpoints := include "icap-filter.endpoints" (dict "server" $server "root" $root) | fromJsonArray -}}
{{- $url := include "icap-filter.service-url" (dict "server" $server "root" $root) -}}
{{- range (include "icap-filter.configuration" $root | fromJson).profiles | reverse }}{{ if eq .cluster $server.cluster }}{{ $url = .service_url }}{{ end }}{{ end -}}
{{- $host := index (splitList "/" $url) 2 -}}
name: {{ $server.cluster }}
# A headless Service has each ICAP server as an endpoint, with its own health check.
type: STRICT_DNS
connect_timeout: 1s
dns_lookup_family: V4_PREFERRED
lb_policy: LEAST_REQUEST
load_assignment:
  cluster_name: {{ $server.cluster }}
  endpoints:
  - lb_endpoints:
    {{- range $endpoints }}
    - endpoint: {address: {socket_address: {address: {{ .address }}, port_value: {{ default 1344 .port }}}}}
    {{- end }}
common_lb_config:
  healthy_panic_threshold: {value: 0}
  update_merge_window: 0s  # the workers learn at once which servers live
# ICAP is not HTTP: streams to this cluster leave as raw TCP.
upstream_config:
  name: envoy.filters.connection_pools.http.tcp
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.tcp.v3.TcpConnectionPoolProto
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config:
      http2_protocol_options: {}
    http_filters:
    {{- list .transport | toYaml | nindent 4 }}
    - name: envoy.filters.http.upstream_codec
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec
{{- with $server.tls }}
{{- if .enabled }}
transport_socket:
  name: envoy.transport_sockets.tls
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
    sni: {{ default (index $endpoints 0).address .sni }}
    common_tls_context:
      validation_context:
        trusted_ca: {filename: {{ default "/etc/ssl/certs/ca-certificates.crt" .caFile }}}
        match_typed_subject_alt_names:
        - {san_type: DNS, matcher: {exact: {{ default (index $endpoints 0).address .sni }}}}
{{- end }}
{{- end }}
# An OPTIONS request for {{ $url }}
health_checks:
- timeout: 2s
  interval: 5s
  no_traffic_interval: 5s
  unhealthy_threshold: 2
  healthy_threshold: 1
  reuse_connection: false
  tcp_health_check:
    send:
      text: {{ printf "OPTIONS %s ICAP/1.0\r\nHost: %s\r\nEncapsulated: null-body=0\r\n\r\n" $url $host | printf "%x" | quote }}
    receive:
    - text: "494341502f312e3020323030"  # ICAP/1.0 200
outlier_detection:
  consecutive_gateway_failure: 3
  enforcing_consecutive_gateway_failure: 100
  base_ejection_time: 10s
  max_ejection_percent: 50
# Each connection is one long-lived stream: all three count connections.
circuit_breakers:
  thresholds:
  - max_connections: 4096
    max_pending_requests: 4096
    max_requests: 4096
{{- end -}}
