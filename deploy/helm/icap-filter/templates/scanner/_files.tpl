{{/* The scanner's configuration and scripts. */}}
{{- define "icap-filter.scanner-files" -}}
{{- range list "c-icap.conf" "clamd.conf" "after-clamd" "check-scanner" "ping-clamd" "first-signatures" }}
{{ . }}: |
  {{- $.Files.Get (printf "files/%s" .) | nindent 2 }}
{{- end }}
freshclam.conf: |
  DatabaseDirectory /var/lib/clamav
  {{- with .Values.scanner.signatures }}
  {{- if .mirror.enabled }}
  PrivateMirror http://signatures.{{ $.Release.Namespace }}.svc.cluster.local:8080
  ScriptedUpdates no
  {{- else if .from }}
  PrivateMirror {{ .from }}
  ScriptedUpdates no
  {{- else }}
  DatabaseMirror database.clamav.net
  {{- end }}
  # Of ClamAV's own servers each address gets a few files an hour; with a mirror more is no harm.
  Checks {{ ternary 48 12 (or .mirror.enabled (ne .from "")) }}
  {{- end }}
  NotifyClamd /etc/icap/clamd.conf
  Foreground yes
  LogTime yes
{{- end -}}

{{/* Namespaces whose proxies speak to the scanner. */}}
{{- define "icap-filter.client-namespaces" -}}
{{- $all := .Values.scanner.networkPolicy.clientNamespaces -}}
{{- with .Values.istio.gateway }}{{ if .enabled }}{{ $all = append $all .namespace }}{{ end }}{{ end -}}
{{- with .Values.istio.sidecar }}{{ if .enabled }}{{ $all = append $all .namespace }}{{ end }}{{ end -}}
{{- with .Values.envoyGateway }}{{ if .enabled }}{{ $all = append $all .proxyNamespace }}{{ end }}{{ end -}}
{{- $all | uniq | sortAlpha | toJson -}}
{{- end -}}
