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
{{- toYaml $config -}}
{{- end -}}
