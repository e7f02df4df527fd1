"""The configurations of everything that runs, as text."""

import json
import pathlib
import secrets

BOUNDARY = "----bench-peers-7MA4YWxkTrZu0gW"


def body(directory, scenario):
    """The file with the body of each request, and its content type."""
    file = directory / "body"
    if not scenario.files:
        file.write_bytes(secrets.token_bytes(scenario.body_bytes))
        return file, "application/octet-stream"
    parts = b"".join(
        b"--%s\r\ncontent-disposition: form-data; name=\"f%d\"; filename=\"f%d.bin\"\r\n"
        b"content-type: application/octet-stream\r\n\r\n%s\r\n"
        % (BOUNDARY.encode(), n, n, secrets.token_bytes(scenario.body_bytes // scenario.files))
        for n in range(scenario.files)
    )
    file.write_bytes(parts + b"--%s--\r\n" % BOUNDARY.encode())
    return file, f"multipart/form-data; boundary={BOUNDARY}"


def nginx(directory, port):
    """Answers without reading the body."""
    return f"""
daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; client_max_body_size 0;
  client_body_temp_path {directory}/nginx-body; proxy_temp_path {directory}/nginx-proxy;
  fastcgi_temp_path {directory}/nginx-fastcgi; uwsgi_temp_path {directory}/nginx-uwsgi; scgi_temp_path {directory}/nginx-scgi;
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 "ok"; }} }}
}}
"""


def c_icap(directory, port):
    modules = next(pathlib.Path("/usr/lib").glob("**/c_icap/srv_echo.so")).parent
    return f"""
Port 127.0.0.1:{port}
PidFile {directory}/c-icap.pid
CommandsSocket {directory}/c-icap.ctl
TmpDir {directory}
ServerLog {directory}/c-icap.log
AccessLog /dev/null
DebugLevel 0
StartServers 1
MaxServers 4
ThreadsPerChild 512
MinSpareThreads 16
MaxSpareThreads 2048
MaxRequestsPerChild 0
MaxKeepAliveRequests 100000000
KeepAliveTimeout 600
Timeout 300
ModulesDir {modules}
ServicesDir {modules}
Service echo srv_echo.so
"""


def squid(directory, port, application, icap, scenario, logs):
    """Tuned: kept connections, a preview, 204, no cache, no body on a disk; `logs`: its access log."""
    name = f"{directory}/squid-{port}"
    log = f"access_log stdio:{name}.access.log" if logs else "access_log none"
    preview = "icap_preview_enable on\nicap_preview_size 1024"
    offers = "icap_206_enable off" if scenario.verdict == "204" else "icap_206_enable off\nadaptation_send_client_ip off"
    return f"""
http_port 127.0.0.1:{port} accel defaultsite=app no-vhost
cache_peer 127.0.0.1 parent {application} 0 no-query no-digest originserver
pid_filename {name}.pid
coredump_dir {directory}
cache_log {name}.cache.log
{log}
cache deny all
cache_mem 0
http_access allow all
client_request_buffer_max_size 64 MB
read_ahead_gap 64 KB
buffered_logs on
shutdown_lifetime 0 seconds
icap_enable on
icap_persistent_connections on
icap_service_failure_limit -1
adaptation_uses_indirect_client on
{preview}
{offers}
icap_service scan reqmod_precache bypass=off icap://127.0.0.1:{icap}/echo
adaptation_access scan allow all
workers {scenario.workers}
"""


def envoy(variant, port, application, icap, scenario, module):
    """`variant`: `bare`, `bypassing` (rules that match nothing), `scanning`, `whole` (the same, forms in one piece),
    `spike` (a module with neither headers nor a log)."""
    filters = []
    if variant == "spike":
        filters = [wasm("icap", module, "pool")]
    elif variant != "bare":
        filters = [wasm("icap_filter", module, json.dumps(plugin(variant, scenario)))]
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
    }
    form = '{"code":%RESPONSE_CODE%,"flags":"%RESPONSE_FLAGS%","icap_log":%FILTER_STATE(wasm.icap_log:PLAIN)%}\n'
    manager = {
        "@type": f"{HTTP}.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "access_log": [
            {
                "name": "log",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                    "path": "/dev/null",
                    "log_format": {"text_format_source": {"inline_string": form}},
                },
            }
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "application", "timeout": "0s"}}],
                }
            ]
        },
        "http_filters": [*filters, router],
    }
    listener = {
        "name": "ingress",
        "address": address(port),
        "per_connection_buffer_limit_bytes": 64 * 1024 * 1024,
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    clusters = [cluster("application", application)]
    if variant != "bare":
        clusters.append(icap_cluster("icap" if variant == "spike" else "icap_pool", icap, module, variant))
    return json.dumps({"static_resources": {"listeners": [listener], "clusters": clusters}}, indent=1)


HTTP = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager"


def plugin(variant, scenario):
    path = "/never" if variant == "bypassing" else "/upload"
    profile = {
        "name": "bench",
        "cluster": "icap_pool",
        "service_url": "icap://127.0.0.1:1344/echo",
        "preview_size_bytes": 1024,
        "request_buffer_size_kb": 51200,
        "max_connections": 256,
        "max_pending": 1024,
        "allow_204": scenario.verdict == "204",
        "options": {"enabled": False},
        "multipart": "whole" if variant == "whole" else "parts",
    }
    rule = {"name": "uploads", "match": {"path": {"prefix": path}}, "action": "enable_icap", "profile": "bench"}
    return {"profiles": [profile], "rules": [rule]}


def wasm(name, module, configuration):
    return {
        "name": name,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": name,
                "allow_on_headers_stop_iteration": True,
                "vm_config": {
                    "runtime": "envoy.wasm.runtime.v8",
                    "vm_id": name,
                    "code": {"local": {"filename": module}},
                },
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": configuration,
                },
            },
        },
    }


def icap_cluster(name, port, module, variant):
    configuration = "transport" if variant == "spike" else json.dumps({"role": "transport"})
    codec = {
        "name": "envoy.filters.http.upstream_codec",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec"
        },
    }
    return {
        **cluster(name, port),
        "upstream_config": {
            "name": "envoy.filters.connection_pools.http.tcp",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.tcp.v3.TcpConnectionPoolProto"
            },
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
                "http_filters": [wasm("icap_transport", module, configuration), codec],
            }
        },
    }


def cluster(name, port):
    endpoint = {"endpoint": {"address": address(port)}}
    threshold = {"max_connections": 8192, "max_pending_requests": 8192, "max_requests": 8192}
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "circuit_breakers": {"thresholds": [threshold]},
    }


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
