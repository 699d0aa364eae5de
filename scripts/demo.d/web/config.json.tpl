{
  "worker": "{{ .WorkerIP }}",
  "port": {{ get "maand/job/web" "port_http" }},
  "version": "{{ .NewVersion }}"
}
