{{/* The name of everything in a release. */}}
{{- define "grpcsse.name" -}}
{{- if contains "grpcsse" .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-grpcsse" (.Release.Name | trunc 55 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{/* Labels that never change, by which a Service and others find the pods. */}}
{{- define "grpcsse.selector" -}}
app.kubernetes.io/name: grpcsse
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "grpcsse.labels" -}}
{{ include "grpcsse.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "grpcsse.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "grpcsse.name" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* The configuration file: that of the values, with the settings that belong to the chart. */}}
{{- define "grpcsse.config" -}}
{{- if not .Values.config.upstreams -}}
{{- fail "config.upstreams is missing: config is the configuration file of the bridge, with at least one gRPC server" -}}
{{- end -}}
{{- $server := default dict .Values.config.server -}}
{{- range $key, $instead := dict "listen" "service.port" "health" "nothing: the port is 8081" "drain_timeout" "drainSeconds" -}}
{{- if hasKey $server $key -}}
{{- fail (printf "config.server.%s belongs to the chart: set %s instead" $key $instead) -}}
{{- end -}}
{{- end -}}
{{- $ours := dict "listen" ":8080" "health" ":8081" "drain_timeout" (printf "%ds" (int .Values.drainSeconds)) -}}
{{- $config := deepCopy .Values.config -}}
{{- $_ := set $config "server" (merge $ours $server) -}}
{{- if .Values.cluster.enabled -}}
{{- $_ := set $config "cluster" (include "grpcsse.cluster" . | fromYaml) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* The section `cluster` of the configuration file. The files are those of the volume "cluster". */}}
{{- define "grpcsse.cluster" -}}
{{- $given := default dict .Values.config.cluster -}}
{{- $nats := default dict $given.nats -}}
{{- range $key, $instead := dict "name" "cluster.name" "secret_file" "cluster.secret" -}}
{{- if hasKey $given $key -}}
{{- fail (printf "config.cluster.%s belongs to the chart: set %s instead" $key $instead) -}}
{{- end -}}
{{- end -}}
{{- if hasKey $nats "servers" -}}
{{- fail "config.cluster.nats.servers belongs to the chart: set cluster.servers instead" -}}
{{- end -}}
{{- $ours := dict "servers" .Values.cluster.servers -}}
{{- if .Values.cluster.credentials.name -}}
{{- $_ := set $ours "credentials_file" "/etc/grpcsse-cluster/nats.creds" -}}
{{- end -}}
{{- if .Values.cluster.ca.name -}}
{{- $_ := set $ours "tls" (dict "ca_file" "/etc/grpcsse-cluster/ca.crt") -}}
{{- end -}}
{{- $cluster := dict "name" .Values.cluster.name "secret_file" "/etc/grpcsse-cluster/cluster.key" "nats" $ours -}}
{{- toYaml (merge $cluster (deepCopy $given)) -}}
{{- end -}}
